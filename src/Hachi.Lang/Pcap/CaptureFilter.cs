using System.Diagnostics.CodeAnalysis;
using Hachi.Captures;
using Hachi.Ir;
using Hachi.Isa;
using Hachi.Lang.Pcap.Compile;
using Hachi.Lang.Pcap.Gen;
using Hachi.Lang.Pcap.Prove;
using Hachi.Lang.Pcap.Syntax;
using Hachi.Text;
using Hachi.Vm;

namespace Hachi.Lang.Pcap;

/// <summary>A compiled capture filter: an expression of pcap-filter(7) for one link type. Immutable; may be used by several threads at once.</summary>
/// <example><code>
/// CaptureFilter filter = CaptureFilter.Compile("tcp port 443");
/// bool wanted = filter.Matches(packet);
/// </code></example>
public sealed class CaptureFilter
{
    private FilterEngine? _engine;

    private CaptureFilter(string expression, LinkType link, FilterOptions options, FilterTree tree, ClassicProgram program)
    {
        Expression = expression;
        LinkType = link;
        Options = options;
        Tree = tree;
        Program = program;
    }

    /// <summary>The text that was compiled.</summary>
    public string Expression { get; }

    /// <summary>The link type of the packets that it is for.</summary>
    public LinkType LinkType { get; }

    /// <summary>What it was compiled for besides.</summary>
    public FilterOptions Options { get; }

    /// <summary>The expression with everything resolved, as the explainer and the prover read it.</summary>
    public FilterTree Tree { get; }

    /// <summary>The classic BPF program: returns the snap length for packets that match, 0 for others.</summary>
    public ClassicProgram Program { get; }

    /// <summary>Compiles an expression for Ethernet packets, or those of another link type.</summary>
    /// <param name="expression">An expression as in pcap-filter(7); the empty one matches everything.</param>
    /// <param name="link">Link type; Ethernet when null.</param>
    /// <param name="options">What else to compile for; defaults when null.</param>
    /// <exception cref="CaptureFilterException">The expression is wrong; it carries the diagnostics. <see cref="TryCompile"/> returns them instead.</exception>
    public static CaptureFilter Compile(string expression, LinkType? link = null, FilterOptions? options = null) =>
        TryCompile(expression, link ?? LinkType.Ethernet, options, out CaptureFilter? filter, out IReadOnlyList<Diagnostic> diagnostics)
            ? filter
            : throw new CaptureFilterException(expression, diagnostics);

    /// <summary>Compiles an expression; false, with at least one error among the diagnostics, when it is wrong.</summary>
    public static bool TryCompile(
        string expression,
        LinkType link,
        FilterOptions? options,
        [NotNullWhen(true)] out CaptureFilter? filter,
        out IReadOnlyList<Diagnostic> diagnostics)
    {
        ArgumentNullException.ThrowIfNull(expression);
        options ??= FilterOptions.Default;
        filter = null;
        ParsedFilter parsed = FilterParser.Parse(expression);
        GeneratedFilter generated = FilterGenerator.Generate(parsed, link, options);
        diagnostics = generated.Diagnostics;
        if (generated.Tree is not { } tree)
        {
            diagnostics = MeaningHints.AddTo(diagnostics, expression);
            return false;
        }
        Workshop workshop = Workshop.OfThread;
        IrFunction f = workshop.Function;
        workshop.Lower(tree, options, f);
        var whole = new TextSpan(0, expression.Length);
        if (options.Optimise && FilterCompiler.RejectsAll(f))
        {
            diagnostics = MeaningHints.AddTo([DiagnosticTable.FilterRejectsAll.At(whole)], expression);
            return false;
        }
        ClassicProgram? program = workshop.Compiler.EmitClassic(f);
        if (program is null)
        {
            diagnostics = [DiagnosticTable.FilterOutOfMemoryWords.At(whole)];
            return false;
        }
        filter = new CaptureFilter(expression, link, options, tree, program);
        return true;
    }

    /// <summary>What decides: interprets at first, compiles itself once it has seen enough packets, where the runtime can.</summary>
    public FilterEngine Engine => _engine ?? MakeEngine();

    /// <summary>Whether a packet matches.</summary>
    /// <param name="packet">The captured bytes, link-layer header first.</param>
    public bool Matches(ReadOnlySpan<byte> packet) => Matches(packet, packet.Length, default);

    /// <summary>Whether a packet matches.</summary>
    /// <param name="packet">The captured bytes, link-layer header first.</param>
    /// <param name="wireLength">Length on the wire, in bytes, where less was captured.</param>
    /// <param name="metadata">What is known of the packet beside its bytes, for filters of live captures.</param>
    public bool Matches(ReadOnlySpan<byte> packet, int wireLength, in PacketMetadata metadata) =>
        Engine.Run(packet, (uint)wireLength, metadata) != 0;

    /// <summary>The optimised SSA form, made anew: for engines and emitters that start from it.</summary>
    public IrFunction MakeFunction()
    {
        var f = new IrFunction();
        Workshop.OfThread.Lower(Tree, Options, f);
        return f;
    }

    /// <summary>Proves that the program decides as the expression says, on every packet; or finds one on which it does not.</summary>
    /// <param name="budget">What it may cost; <see cref="ProofBudget.Default"/> when null.</param>
    public FilterProof Prove(ProofBudget? budget = null) => FilterProver.Prove(Tree, Options.SnapLength, Program, budget);

    /// <inheritdoc/>
    public override string ToString() => Expression;

    private FilterEngine MakeEngine()
    {
        var engine = new FilterEngine(Program, FilterEngineKind.Auto, MakeFunction);
        return Interlocked.CompareExchange(ref _engine, engine, null) ?? engine;
    }

    /// <summary>Working storage of one thread, kept from one compilation to the next.</summary>
    private sealed class Workshop
    {
        [ThreadStatic]
        private static Workshop? t_one;

        private readonly Lowering _lowering = new();

        public static Workshop OfThread => t_one ??= new Workshop();

        /// <summary>For functions that do not outlive a compilation.</summary>
        public IrFunction Function { get; } = new();

        public FilterCompiler Compiler { get; } = new();

        public void Lower(FilterTree tree, FilterOptions options, IrFunction f)
        {
            f.Clear();
            _lowering.Lower(tree, (uint)options.SnapLength, f, options.Optimise);
            if (options.Optimise)
                Compiler.Optimise(f);
            else
                Compiler.Tidy(f);
        }
    }
}

/// <summary>A capture filter that does not compile.</summary>
public sealed class CaptureFilterException : FormatException
{
    /// <summary>Made from the diagnostics of a failed compilation.</summary>
    public CaptureFilterException(string expression, IReadOnlyList<Diagnostic> diagnostics)
        : base(diagnostics.Count > 0 ? diagnostics[0].Message : "The expression does not compile.")
    {
        Expression = expression;
        Diagnostics = diagnostics;
    }

    /// <summary>The text that was compiled.</summary>
    public string Expression { get; }

    /// <summary>What is wrong with it, with the places.</summary>
    public IReadOnlyList<Diagnostic> Diagnostics { get; }
}
