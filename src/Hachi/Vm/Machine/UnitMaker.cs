using Hachi.Isa;
using Hachi.Text;
using Hachi.Vm.Jit;
using Hachi.Vm.Jit.Lift;

namespace Hachi.Vm.Machine;

/// <summary>Makes a program ready: resolves maps and helpers, says what this machine cannot do.</summary>
internal static class UnitMaker
{
    /// <summary>Makes the unit; null, with diagnostics, when something is missing.</summary>
    public static EbpfUnit? Make(VmObject owner, Insn[] insns, List<Diagnostic> diagnostics)
    {
        int before = diagnostics.Count;
        bool callsAny = false;
        VmOptions options = owner.Options;
        var helpers = new List<HelperBody>();
        var ids = new List<int>();
        EbpfCode code = EbpfCode.Decode(insns, VmObject.MapAddress);
        for (int i = 0; i < insns.Length; i++)
        {
            Insn insn = insns[i];
            if (OpTable.Find(insn) is { } form)
                CheckForm(form, insn, i, owner, diagnostics);
            if (insn.Opcode == (Opcode.Jmp | Opcode.Call) && insn.Src == 0)
                code.Decoded[i].Imm = Resolve(insn.Imm, i, options, ids, helpers, diagnostics);
            if (insn.Opcode == (Opcode.Jmp | Opcode.Call | Opcode.X))
                callsAny = true;
            if (insn.IsWide)
                i++;
        }
        if (callsAny) // by register: any helper may be meant
            foreach (int id in options.Helpers.Keys)
                Resolve(id, 0, options, ids, helpers, diagnostics);
        if (diagnostics.Count > before)
            return null;
        var unit = new EbpfUnit { Code = code, Helpers = [.. helpers], HelperIds = [.. ids], MapNames = [.. owner.Spec.Maps.Select(map => map.Name)] };
        SelectEngine(unit, owner, diagnostics);
        return unit;
    }

    private static void SelectEngine(EbpfUnit unit, VmObject owner, List<Diagnostic> diagnostics)
    {
        VmEngine engine = owner.Options.Engine;
        if (engine == VmEngine.Il && !EbpfJit.HasIl)
            diagnostics.Add(DiagnosticTable.VmEngineMissing.At(default, "il", "this build runs without a compiler for IL"));
        else if (engine is VmEngine.Il or VmEngine.Auto && EbpfJit.HasIl)
            unit.Engine = EbpfJit.CompileToIl(unit.Code, new LiftFacts { Layout = owner.Options.Rules, Maps = owner.MapFacts(), MapLookup = unit.HelperIndex(1), TailCall = unit.HelperIndex(12) });
    }

    private static void CheckForm(OpForm form, in Insn code, int insn, VmObject owner, List<Diagnostic> diagnostics)
    {
        bool isMap = form.Shape == Shape.LoadPseudo && form.Src is Pseudo.MapFd or Pseudo.MapIdx or Pseudo.MapValue or Pseudo.MapIdxValue;
        if (isMap && (uint)code.Imm >= (uint)owner.MapArray.Length)
            diagnostics.Add(DiagnosticTable.VmMapMissing.At(new TextSpan(insn, 1), insn, code.Imm));
        if (form.Shape is Shape.AddressCast or Shape.CallKfunc or Shape.GotoReg)
            diagnostics.Add(DiagnosticTable.VmInsnRefused.At(new TextSpan(insn, 1), insn, form.Symbol));
        else if (form.Shape == Shape.LoadPseudo && form.Src == Pseudo.BtfId)
            diagnostics.Add(DiagnosticTable.VmInsnRefused.At(new TextSpan(insn, 1), insn, "a kernel variable"));
    }

    private static int Resolve(int id, int insn, VmOptions options, List<int> ids, List<HelperBody> helpers, List<Diagnostic> diagnostics)
    {
        int index = ids.IndexOf(id);
        if (index >= 0)
            return index;
        if (!options.Helpers.TryGetValue(id, out HelperBody? body))
            diagnostics.Add(DiagnosticTable.VmHelperMissing.At(new TextSpan(insn, 1), insn, id));
        else
            helpers.Add(body);
        ids.Add(id);
        return ids.Count - 1;
    }
}
