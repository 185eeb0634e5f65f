using System.Runtime.InteropServices;
using Hachi.Ir;
using Hachi.Isa;
using Hachi.Tests.Support;
using Hachi.Vm.Jit;
using Hachi.Vm.Jit.X64;
using Hachi.Vm.Jit.X64.Encode;
using Hachi.Vm.Machine;

namespace Hachi.Tests.Vm.Jit;

/// <summary>Random functions through the x86-64 back end and through the evaluator: the same result, memory, fuel and fault.</summary>
public sealed unsafe class X64RandomTests
{
    private const int RegionCount = 17, StackBytes = Limits.StackBytesMax * Limits.CallFramesMax, PacketBytes = 160, MapBytes = 256, ContextBytes = 32;
    private const int MemoryBytes = StackBytes + PacketBytes + MapBytes + ContextBytes;

    [Fact]
    public void Random_functions_do_what_the_evaluator_does()
    {
        if (!X64Compiler.IsSupported)
            Assert.Skip("needs an x86-64 processor");
        Random random = Volume.Random(nameof(Random_functions_do_what_the_evaluator_does));
        int count = Volume.Of(200_000, 1500), faults = 0, returned = 0;
        int only = int.TryParse(Environment.GetEnvironmentVariable("HACHI_CASE"), out int asked) ? asked : -1;
        for (int i = 0; i < count; i++)
        {
            int seed = random.Next();
            if (only >= 0 && i != only)
                continue;
            var local = new Random(seed);
            List<IrFunction> program = new RandomIr(local, local.Next(1, 4)).Program();
            // Few registers put many values on the stack.
            X64Compiler compiler = (i % 4) switch
            {
                0 => new() { Registers = 1 << (int)Reg.Rax | 1 << (int)Reg.Rdx | 1 << (int)Reg.Rcx | 1 << (int)Reg.R12, UsesBmi2 = false },
                1 => new() { Registers = 1 << (int)Reg.Rax | 1 << (int)Reg.Rsi | 1 << (int)Reg.Rbp | 1 << (int)Reg.R8 | 1 << (int)Reg.R13 | 1 << (int)Reg.R14 },
                2 => new() { UsesBmi2 = false },
                _ => new(),
            };
            using X64Code? code = compiler.Compile(program);
            Assert.NotNull(code);
            for (int run = 0; run < 3; run++)
            {
                int state = local.Next();
                string expected = Run(state, (s, r1, r2) => new IrEvaluator(program, s).Run(r1, r2), out bool fault);
                string got = Run(state, (s, r1, r2) => code.Entry(s, r1, r2), out _);
                Assert.True(expected == got, $"case {i}, {Volume.Note}\nexpected {expected}\ngot      {got}\n{string.Join("\n", program.Select(IrPrinter.Print))}");
                faults += fault ? 1 : 0;
                returned += fault ? 0 : 1;
            }
        }
        Assert.True(only >= 0 || (faults > 0 && returned > faults), $"{returned} returned, {faults} ended with a fault");
    }

    private delegate ulong Engine(MachineState* state, ulong r1, ulong r2);

    /// <summary>Sets up a machine from a seed, runs, and tells what came of it.</summary>
    private static string Run(int seed, Engine engine, out bool fault)
    {
        var random = new Random(seed);
        int bytes = MachineState.RegionsOffset + (RegionCount * Region.SizeBytes);
        var state = (MachineState*)NativeMemory.AllocZeroed((nuint)bytes);
        byte* memory = (byte*)NativeMemory.Alloc(MemoryBytes);
        try
        {
            random.NextBytes(new Span<byte>(memory, MemoryBytes));
            state->Fuel = random.Next(4) == 0 ? random.Next(100) : 100_000;
            state->RegionCount = RegionCount;
            state->Depth = 1;
            state->HelperGate = &Helper;
            Region* regions = MachineState.Regions(state);
            regions[Region.Stack].Set(Region.Stack, 0, memory, StackBytes, true);
            regions[Region.Packet].Set(Region.Packet, 256, memory + StackBytes, PacketBytes, true);
            regions[Region.FirstMap].Set(Region.FirstMap, 0, memory + StackBytes + PacketBytes, MapBytes, true);
            regions[Region.Context].Set(Region.Context, 0, memory + StackBytes + PacketBytes + MapBytes, ContextBytes, true);
            state->PacketStart = regions[Region.Packet].Start;
            ulong r0 = engine(state, (ulong)random.NextInt64(), (ulong)random.NextInt64() >> random.Next(64));
            fault = state->Fault != 0;
            var hash = new HashCode();
            hash.AddBytes(new ReadOnlySpan<byte>(memory, MemoryBytes));
            string how = fault
                ? $"fault {(FaultReason)state->Fault} at {state->FaultInsn} address {state->FaultAddress:x} size {state->FaultSize}"
                : $"r0 {r0:x} depth {state->Depth}";
            return $"{how} fuel {state->Fuel} memory {hash.ToHashCode():x} packet {state->PacketStart:x}";
        }
        finally
        {
            NativeMemory.Free(state);
            NativeMemory.Free(memory);
        }
    }

    /// <summary>Helpers: mix the arguments; 1 moves the packet's start, 2 faults at times, 3 burns fuel.</summary>
    [UnmanagedCallersOnly]
    private static ulong Helper(MachineState* state, int helper, int insn)
    {
        if (helper <= Invocation.ReadContextHelper)
        {
            // No context with rules here: an access that found no memory is a fault.
            bool writes = helper == Invocation.WriteContextHelper;
            state->Fault = (int)(writes ? FaultReason.WriteOutOfBounds : FaultReason.ReadOutOfBounds);
            (state->FaultInsn, state->FaultAddress, state->FaultSize) = (insn, state->Arguments[0], writes ? -(int)state->Arguments[1] : (int)state->Arguments[1]);
            return 0;
        }
        ulong mixed = (uint)helper;
        for (int i = 0; i < 5; i++)
            mixed = (mixed * 0x9E3779B97F4A7C15) ^ (state->Arguments[i] >> i);
        Region* packet = MachineState.Regions(state) + Region.Packet;
        if (helper == 1 && packet->Length > 140)
        {
            packet->Set(Region.Packet, (uint)packet->Start + 2, packet->Memory + 2, packet->Length - 2, true);
            state->PacketStart = packet->Start;
        }
        if (helper == 2 && mixed % 16 == 0)
            (state->Fault, state->FaultInsn) = ((int)FaultReason.HelperArgument, insn);
        if (helper == 3)
            state->Fuel -= 5;
        return mixed;
    }
}
