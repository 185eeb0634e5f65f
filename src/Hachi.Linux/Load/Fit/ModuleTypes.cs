using Hachi.Isa;
using Hachi.Object;
using Hachi.Object.Relocate;
using Hachi.Uapi;

namespace Hachi.Linux.Load.Fit;

/// <summary>The types of the modules whose functions and variables an object uses: open while its programs are loaded.</summary>
internal sealed class ModuleTypes : IDisposable
{
    private readonly List<(string Module, LoadedTypes Types)> _open = [];
    private readonly int _first;

    /// <summary>Opens them.</summary>
    /// <param name="uses">Who uses which.</param>
    /// <param name="maps">How many maps stand in front in the array of descriptors. Place 0 there means the kernel itself, so that something stands there in any case.</param>
    /// <exception cref="BpfException">ENOENT: a module was unloaded meanwhile; EPERM: types by number need CAP_SYS_ADMIN.</exception>
    public ModuleTypes(IReadOnlyList<ModuleUse> uses, int maps)
    {
        _first = Math.Max(1, maps);
        try
        {
            foreach (string module in uses.Select(use => use.Module).Distinct())
                _open.Add((module, LoadedTypes.OfModule(module)));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>What goes behind the maps in the array of descriptors.</summary>
    public IReadOnlyList<int> Descriptors => _open.ConvertAll(each => each.Types.Descriptor);

    /// <summary>A program whose instructions name the modules' types: of a call by its place in the array, of a wide load by descriptor.</summary>
    public ProgramSpec Fill(ProgramSpec program, int index, IReadOnlyList<ModuleUse> uses)
    {
        Insn[]? insns = null;
        foreach (ModuleUse use in uses)
        {
            if (use.Program != index)
                continue;
            insns ??= [.. program.Insns];
            int at = _open.FindIndex(each => each.Module == use.Module);
            if (insns[use.Slot].IsWide && use.Slot + 1 < insns.Length)
                insns[use.Slot + 1] = insns[use.Slot + 1] with { Imm = _open[at].Types.Descriptor };
            else
                insns[use.Slot] = insns[use.Slot] with { Offset = checked((short)(_first + at)) };
        }
        return insns is null ? program : program with { Insns = [.. insns] };
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach ((_, LoadedTypes types) in _open)
            types.Dispose();
        _open.Clear();
    }
}
