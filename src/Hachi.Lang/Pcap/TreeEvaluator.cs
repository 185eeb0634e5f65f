using System.Buffers.Binary;
using Hachi.Captures;
using Hachi.Isa;
using Hachi.Text;

namespace Hachi.Lang.Pcap;

/// <summary>
/// Decides a resolved filter for one packet by walking its tree: slow and plain. It shares nothing with the compiler, so that each can be held against the other.
/// </summary>
public static class TreeEvaluator
{
    /// <summary>Headers that a protocol chain may have; a longer one goes round in circles (libpcap's program would never end).</summary>
    private const int ChainMax = 1 << 17;

    /// <summary>Whether the filter accepts the packet.</summary>
    /// <param name="tree">The filter.</param>
    /// <param name="packet">The captured bytes.</param>
    /// <param name="wireLength">Length of the packet on the wire.</param>
    /// <param name="metadata">What the extensions read.</param>
    public static bool Matches(FilterTree tree, ReadOnlySpan<byte> packet, int wireLength, in PacketMetadata metadata)
    {
        if (tree.Root is null)
            return true;
        var run = new Run(packet, (uint)wireLength, metadata, tree.VariableCount <= 64 ? stackalloc uint[tree.VariableCount] : new uint[tree.VariableCount]);
        return run.Decide(tree.Root) && !run.IsRejected;
    }

    /// <summary>The same, and writes down every comparison that was decided on the way, and what ended it early.</summary>
    internal static bool Trace(FilterTree tree, ReadOnlySpan<byte> packet, int wireLength, in PacketMetadata metadata, List<TestEvent> events)
    {
        if (tree.Root is null)
            return true;
        var run = new Run(packet, (uint)wireLength, metadata, new uint[tree.VariableCount]) { Events = events };
        return run.Decide(tree.Root) && !run.IsRejected;
    }

    private ref struct Run
    {
        private readonly ReadOnlySpan<byte> _packet;
        private readonly uint _wireLength;
        private readonly PacketMetadata _metadata;
        private readonly Span<uint> _variables;

        /// <summary>A load outside the captured bytes or a division by zero has ended the run.</summary>
        public bool IsRejected;

        /// <summary>Where to write down what is decided, or null.</summary>
        public List<TestEvent>? Events;

        private Stack<Test>? _spine;
        private Test? _test;
        private Arith? _arith;
        private uint _loaded;

        public Run(ReadOnlySpan<byte> packet, uint wireLength, in PacketMetadata metadata, Span<uint> variables)
        {
            _packet = packet;
            _wireLength = wireLength;
            _metadata = metadata;
            _variables = variables;
            _variables.Clear();
        }

        /// <summary>And and Or lean to the left and may do so a thousandfold: their left spine is walked without recursion.</summary>
        public bool Decide(Test test)
        {
            if (test.Op is not (TestOp.And or TestOp.Or))
                return DecideOne(test);
            Stack<Test> spine = _spine ??= new Stack<Test>();
            int bottom = spine.Count;
            for (; test.Op is TestOp.And or TestOp.Or; test = test.Left!)
                spine.Push(test);
            bool value = DecideOne(test);
            while (spine.Count > bottom)
            {
                Test parent = spine.Pop();
                if (!IsRejected && value == (parent.Op == TestOp.And))
                    value = Decide(parent.Right!);
            }
            return value;
        }

        private bool DecideOne(Test test)
        {
            switch (test.Op)
            {
                case TestOp.False:
                    return false;
                case TestOp.True:
                    return true;
                case TestOp.Not:
                    return !Decide(test.Left!);
                case TestOp.With:
                    Execute(test.Steps!);
                    return !IsRejected && Decide(test.Left!);
                case TestOp.ProtoChain:
                    _test = test;
                    bool isFound = FollowChain(test);
                    if (!IsRejected)
                        Events?.Add(new TestEvent(test, test.Span, isFound ? TestOutcome.True : TestOutcome.False));
                    return isFound && !IsRejected;
                case TestOp.And:
                case TestOp.Or:
                    return Decide(test);
            }

            _test = test;
            uint a = Evaluate(test.A!), loaded = _loaded;
            uint b = IsRejected ? 0 : Evaluate(test.B!);
            if (IsRejected)
                return false;
            bool holds = test.Op switch
            {
                TestOp.Eq => a == b,
                TestOp.Gt => a > b,
                TestOp.Ge => a >= b,
                _ => (a & b) != 0,
            };
            Events?.Add(new TestEvent(test, test.Span, holds ? TestOutcome.True : TestOutcome.False) { A = a, B = b, Loaded = loaded });
            return holds;
        }

        private void Execute(IReadOnlyList<Step> steps)
        {
            foreach (Step step in steps)
            {
                if (IsRejected)
                    return;
                if (step.Condition is { } condition)
                {
                    IReadOnlyList<Step>? branch = Decide(condition) ? step.Then : step.Else;
                    if (branch is not null && !IsRejected)
                        Execute(branch);
                    continue;
                }

                _test = null;
                uint value = Evaluate(step.Value!);
                if (step.Variable >= 0 && !IsRejected)
                    _variables[step.Variable] = value;
            }
        }

        private uint Evaluate(Arith arith)
        {
            _arith = arith;
            switch (arith.Op)
            {
                case ArithOp.Const:
                    return arith.K;
                case ArithOp.Length:
                    return _wireLength;
                case ArithOp.Variable:
                    return _variables[(int)arith.K];
                case ArithOp.Extension:
                    return _metadata.TryGet(arith.K, out uint recorded) ? recorded : 0;
                case ArithOp.Load8:
                    return Load(arith, 1);
                case ArithOp.Load16:
                    return Load(arith, 2);
                case ArithOp.Load32:
                    return Load(arith, 4);
            }

            uint a = Evaluate(arith.A!);
            if (IsRejected)
                return 0;
            if (arith.Op == ArithOp.Neg)
                return 0 - a;
            uint b = Evaluate(arith.B!);
            return IsRejected ? 0 : Combine(arith.Op, a, b);
        }

        private uint Combine(ArithOp op, uint a, uint b)
        {
            switch (op)
            {
                case ArithOp.Add:
                    return a + b;
                case ArithOp.Sub:
                    return a - b;
                case ArithOp.Mul:
                    return a * b;
                case ArithOp.And:
                    return a & b;
                case ArithOp.Or:
                    return a | b;
                case ArithOp.Xor:
                    return a ^ b;
                case ArithOp.Lsh:
                    return b < 32 ? a << (int)b : 0;
                case ArithOp.Rsh:
                    return b < 32 ? a >> (int)b : 0;
            }

            if (b == 0)
            {
                IsRejected = true;
                Events?.Add(new TestEvent(_test, _test?.Span ?? _arith!.Span, TestOutcome.DividesByZero));
                return 0;
            }

            return op == ArithOp.Div ? a / b : a % b;
        }

        private uint Load(Arith arith, int size)
        {
            uint variable = arith.A is null ? 0 : Evaluate(arith.A);
            return IsRejected ? 0 : Load((ulong)arith.K + variable, size);
        }

        /// <summary>The sum of the two parts of an address does not wrap round.</summary>
        private uint Load(ulong address, int size)
        {
            if (address + (uint)size > (uint)_packet.Length)
            {
                IsRejected = true;
                Events?.Add(new TestEvent(_test, _test?.Span ?? _arith!.Span, TestOutcome.OutsidePacket) { Address = address, Size = size });
                return 0;
            }

            ReadOnlySpan<byte> bytes = _packet[(int)address..];
            return _loaded = size switch
            {
                1 => bytes[0],
                2 => BinaryPrimitives.ReadUInt16BigEndian(bytes),
                _ => BinaryPrimitives.ReadUInt32BigEndian(bytes),
            };
        }

        /// <summary>libpcap's loop, odd as it is: an authentication header sets the offset anew instead of moving it.</summary>
        private bool FollowChain(Test test)
        {
            const uint none = 59, hopOptions = 0, destinationOptions = 60, routing = 43, fragment = 44, authentication = 51;
            bool isIpv6 = test.K2 == 6;
            ulong start = test.K3 + (ulong)(test.A is null ? 0 : Evaluate(test.A));
            uint protocol = IsRejected ? 0 : Load(start + (isIpv6 ? 6u : 9u), 1);
            uint at = isIpv6 || IsRejected ? 40 : (Load(start, 1) & 0xf) * 4;
            for (int headers = 0; !IsRejected && headers < ChainMax; headers++)
            {
                if (protocol == test.K || protocol == none)
                    return protocol == test.K;
                if (isIpv6 && protocol is hopOptions or destinationOptions or routing or fragment)
                {
                    protocol = Load(start + at, 1);
                    at += IsRejected ? 0 : (Load(start + at + 1, 1) + 1) * 8;
                }
                else if (protocol == authentication)
                {
                    protocol = Load(start + at, 1);
                    at = IsRejected ? 0 : (Load(start + at + 1, 1) + 2) * 4;
                }
                else
                {
                    return false;
                }
            }

            IsRejected = true; // it goes round for ever: no engine waits for that, all reject the packet
            return false;
        }
    }
}

/// <summary>How a comparison ended.</summary>
internal enum TestOutcome : byte
{
    False,
    True,

    /// <summary>It reads outside the captured bytes: the packet is rejected.</summary>
    OutsidePacket,

    /// <summary>The packet is rejected.</summary>
    DividesByZero,
}

/// <summary>One comparison on the way of a packet through a filter.</summary>
/// <param name="Test">The comparison; null when a step ended the run.</param>
/// <param name="Span">The words of the expression that it comes from.</param>
/// <param name="Outcome">How it ended.</param>
internal readonly record struct TestEvent(Test? Test, TextSpan Span, TestOutcome Outcome)
{
    /// <summary>First operand.</summary>
    public uint A { get; init; }

    /// <summary>Second operand.</summary>
    public uint B { get; init; }

    /// <summary>What the last load of the first operand gave.</summary>
    public uint Loaded { get; init; }

    /// <summary>Where the load outside was.</summary>
    public ulong Address { get; init; }

    /// <summary>Its bytes.</summary>
    public int Size { get; init; }
}
