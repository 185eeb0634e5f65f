using System.Collections.Immutable;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using Hachi.Btf;
using Hachi.Ir.Build;
using Hachi.Ir.Emit;
using Hachi.Object;
using Hachi.Text;
using Hachi.Uapi;

namespace Hachi.Lang.CSharp;

/// <summary>How C# is compiled to BPF.</summary>
public sealed record CSharpOptions
{
    /// <summary>The instruction set (clang's <c>-mcpu</c>), 1 to 4.</summary>
    public int Level { get; init; } = 3;

    /// <summary>The licence that the kernel is told; some helpers ask for one that is compatible with the GPL.</summary>
    public string License { get; init; } = "GPL";

    /// <summary>Names of the methods to compile; null for all that are marked.</summary>
    public IReadOnlyCollection<string>? Methods { get; init; }
}

/// <summary>A message about C# source.</summary>
/// <param name="What">What is wrong; its span is empty.</param>
/// <param name="Place">Where, if there is a portable PDB that tells.</param>
public sealed record CSharpDiagnostic(Diagnostic What, SourcePlace Place)
{
    /// <inheritdoc/>
    public override string ToString() => Place.Line == 0 ? $"error {What.Id}: {What.Message}" : $"{Place}: error {What.Id}: {What.Message}";
}

/// <summary>What became of an assembly.</summary>
/// <param name="Object">The object; null when there are errors.</param>
/// <param name="Diagnostics">What was wrong, in the order of the methods; one a method.</param>
public sealed record CSharpCompilation(BpfObject? Object, ImmutableArray<CSharpDiagnostic> Diagnostics);

/// <summary>
/// Compiles C# methods to BPF programs, from the IL of the assembly that they stand in: static methods marked <see cref="XdpAttribute"/> or <see cref="SocketFilterAttribute"/>, with what they
/// call in the same assembly.
/// </summary>
public static class CSharpCompiler
{
    /// <summary>Compiles the programs of an assembly.</summary>
    /// <param name="assembly">The bytes of the assembly (.dll).</param>
    /// <param name="pdb">The bytes of its portable PDB, for places; empty for none.</param>
    /// <param name="options">How.</param>
    public static CSharpCompilation Compile(ImmutableArray<byte> assembly, ImmutableArray<byte> pdb = default, CSharpOptions? options = null)
    {
        options ??= new CSharpOptions();
        try
        {
            using var reader = new PEReader(assembly);
            using MetadataReaderProvider? symbols = pdb.IsDefaultOrEmpty ? null : MetadataReaderProvider.FromPortablePdbImage(pdb);
            return Compile(new AssemblyImage(reader), new SourcePlaces(symbols?.GetMetadataReader()), options);
        }
        catch (Exception e) when (e is BadImageFormatException or InvalidOperationException)
        {
            return new CSharpCompilation(null, [new CSharpDiagnostic(DiagnosticTable.CSharpDamaged.At(default, "the assembly"), default)]);
        }
    }

    private static CSharpCompilation Compile(AssemblyImage image, SourcePlaces places, CSharpOptions options)
    {
        var maps = new MapTable();
        var diagnostics = new List<CSharpDiagnostic>();
        var made = new List<(ProgramSpec Program, ImmutableArray<int> Origins)>();
        foreach ((MethodDefinitionHandle method, string attribute) in image.Programs())
        {
            string name = image.NameOf(method);
            if (options.Methods is not null && !options.Methods.Contains(name))
                continue;
            bool isXdp = attribute == CSharpNames.XdpAttribute;
            var program = new ProgramBuilder(name, isXdp ? ProgramType.Xdp : ProgramType.SocketFilter) { Section = isXdp ? "xdp" : "socket" };
            (Diagnostic What, int Place)? refused = HasShape(image, method, isXdp)
                ? MethodTranslator.Run(image, method, program.Main, maps, places)
                : (DiagnosticTable.CSharpShape.At(default, name, isXdp ? "static XdpAction (ref XdpContext)" : "static int (ref SocketContext)"), places.Of(method, 0));
            EmittedProgram? emitted = refused is null ? program.Emit(new EmitOptions { Level = options.Level }) : null;
            if (emitted?.Program is { } spec)
                made.Add((spec, emitted.Origins));
            else
                diagnostics.Add(new CSharpDiagnostic(refused?.What ?? emitted!.Diagnostics[0], places[refused?.Place ?? places.Of(method, 0)]));
        }
        if (made.Count == 0 && diagnostics.Count == 0)
            diagnostics.Add(new CSharpDiagnostic(DiagnosticTable.CSharpNone.At(default), default));
        return new CSharpCompilation(diagnostics.Count > 0 ? null : Assemble(made, maps, places, options), [.. diagnostics]);
    }

    private static bool HasShape(AssemblyImage image, MethodDefinitionHandle method, bool isXdp)
    {
        MethodSignature<ClrType> signature = image.SignatureOf(method);
        return !signature.Header.IsInstance && signature.GenericParameterCount == 0 && signature.ReturnType is { Form: ClrForm.Integer, SizeBytes: 4 }
            && signature.ParameterTypes is [{ Form: ClrForm.Pointer } context] && context.Arguments[0].Name == (isXdp ? CSharpNames.Xdp : CSharpNames.Socket);
    }

    // Functions and lines are told to the kernel in BTF: its log and bpftool show them.
    private static BpfObject Assemble(List<(ProgramSpec Program, ImmutableArray<int> Origins)> made, MapTable maps, SourcePlaces places, CSharpOptions options)
    {
        var btf = new BtfWriter(isUnique: true);
        uint number = btf.Int("int"), proto = btf.FuncProto(number, new BtfParameter("ctx", btf.Pointer(0)));
        var programs = ImmutableArray.CreateBuilder<ProgramSpec>();
        foreach ((ProgramSpec program, ImmutableArray<int> origins) in made)
        {
            var lines = ImmutableArray.CreateBuilder<LineInfo>();
            for (int slot = 0, last = -2; slot < origins.Length; slot++)
            {
                if (origins[slot] == last || (origins[slot] < 0 && slot > 0))
                    continue;
                last = origins[slot];
                SourcePlace place = places[last];
                if (place.Line > 0)
                    lines.Add(new LineInfo(slot, btf.String(place.File), btf.String(""), place.Line, Math.Min(place.Column, 1023)));
            }
            if (lines.Count > 0 && lines[0].Slot != 0)
                lines.Insert(0, lines[0] with { Slot = 0 }); // the kernel wants the first line at the first instruction
            uint function = btf.Func(program.Name, proto, linkage: 0);
            programs.Add(program with
            {
                Lines = lines.ToImmutable(),
                Functions = [.. program.Functions.Select((each, i) => i == 0 ? each with { BtfType = function } : each)],
            });
        }
        return new BpfObject { Programs = programs.ToImmutable(), Maps = maps.Specs, License = options.License, Btf = [.. btf.ToArray()] };
    }
}
