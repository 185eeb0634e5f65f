using Hachi.Isa;
using Hachi.Text;
using Hachi.Uapi;
using Hachi.Vm.Contexts;
using Hachi.Vm.Helpers;
using Hachi.Vm.Jit;
using Hachi.Vm.Jit.Lift;

namespace Hachi.Vm.Machine;

/// <summary>Makes a program ready: resolves maps and helpers, says what this machine cannot do.</summary>
internal static class UnitMaker
{
    /// <summary>Makes the unit; null, with diagnostics, when something is missing.</summary>
    public static EbpfUnit? Make(VmObject owner, ProgramType type, Insn[] insns, List<Diagnostic> diagnostics)
    {
        int before = diagnostics.Count;
        bool callsAny = false, usesMayGoto = false;
        VmOptions options = owner.Options;
        var helpers = new List<HelperBody>();
        var ids = new List<int>();
        EbpfCode code = EbpfCode.Decode(insns, VmObject.MapAddress);
        for (int i = 0; i < insns.Length; i++)
        {
            Insn insn = insns[i];
            bool isSpecial = insn.IsWide || Opcode.IsJump(insn.Opcode) || (insn.Opcode == (Opcode.Alu64 | Opcode.Mov | Opcode.X) && insn.Offset != 0);
            if (isSpecial && OpTable.Find(insn) is { } form)
                CheckForm(form, insn, i, owner, diagnostics);
            if (insn.Opcode == (Opcode.Jmp | Opcode.Call) && insn.Src == 0)
                code.Decoded[i].Imm = Resolve(insn.Imm, i, type, options, ids, helpers, diagnostics);
            if (insn.Opcode == (Opcode.Jmp | Opcode.Call | Opcode.X))
                callsAny = true;
            usesMayGoto |= insn.Opcode == (Opcode.Jmp | Opcode.Jcond);
            if (insn.IsWide)
                i++;
        }
        if (callsAny) // by register: any helper may be meant
            foreach (int id in options.Helpers.Keys.Union(options.CustomHelpers.Select(helper => helper.Id)).Union(HelperRegistry.Ids(type)))
                Resolve(id, 0, type, options, ids, helpers, diagnostics);
        if (diagnostics.Count > before)
            return null;
        var unit = new EbpfUnit { Code = code, Helpers = [.. helpers], HelperIds = [.. ids], MapNames = [.. owner.Spec.Maps.Select(map => map.Name)], UsesMayGoto = usesMayGoto };
        SelectEngine(unit, owner, type, diagnostics);
        return unit;
    }

    private static void SelectEngine(EbpfUnit unit, VmObject owner, ProgramType type, List<Diagnostic> diagnostics)
    {
        VmEngine engine = owner.Options.Engine;
        int before = diagnostics.Count;
        if (engine == VmEngine.Il && !EbpfJit.HasIl)
            diagnostics.Add(DiagnosticTable.VmEngineMissing.At(default, "il", "this build runs without a compiler for IL"));
        if (engine == VmEngine.X64 && !EbpfJit.HasX64)
            diagnostics.Add(DiagnosticTable.VmEngineMissing.At(default, "x64", "this processor is another one"));
        if (engine == VmEngine.Interpreter || diagnostics.Count > before)
            return;
        LiftFacts facts = FactsOf(unit, owner, type);
        if (engine is VmEngine.X64 or VmEngine.Auto && EbpfJit.HasX64 && EbpfJit.CompileToX64(unit.Code, facts) is { } compiled)
            unit.Engine = compiled;
        else if (engine is VmEngine.Il or VmEngine.Auto && EbpfJit.HasIl)
            unit.Engine = EbpfJit.CompileToIl(unit.Code, facts);
        else if (engine == VmEngine.X64)
            diagnostics.Add(DiagnosticTable.VmEngineMissing.At(default, "x64", "the program is too large for it, or the system gives no executable memory"));
    }

    // What compiled code may know: a look-up that the embedder replaced is a helper like any other.
    private static LiftFacts FactsOf(EbpfUnit unit, VmObject owner, ProgramType type)
    {
        const int lookup = (int)Helper.MapLookupElem;
        bool isOurs = owner.Options.Helpers.ContainsKey(lookup) || FindBody(lookup, type, owner.Options) == HelperRegistry.Find(lookup, type);
        return new LiftFacts
        {
            Layout = owner.Options.Rules ?? ContextTable.RulesOf(type),
            IsPacketWritable = owner.Options.Rules is not null || ContextTable.IsPacketWritable(type),
            MovesPacket = unit.HelperIds.Any(HelperRegistry.MovesPacket),
            Maps = owner.MapFacts(),
            MapLookup = isOurs ? unit.HelperIndex(lookup) : -1,
            TailCall = unit.HelperIndex((int)Helper.TailCall),
        };
    }

    private static HelperBody? FindBody(int id, ProgramType type, VmOptions options) =>
        options.Helpers.TryGetValue(id, out HelperBody? body) ? body : options.CustomHelpers.FirstOrDefault(helper => helper.Id == id)?.ToBody() ?? HelperRegistry.Find(id, type);

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

    private static int Resolve(int id, int insn, ProgramType type, VmOptions options, List<int> ids, List<HelperBody> helpers, List<Diagnostic> diagnostics)
    {
        int index = ids.IndexOf(id);
        if (index >= 0)
            return index;
        if (FindBody(id, type, options) is not { } body)
        {
            diagnostics.Add(DiagnosticTable.VmHelperMissing.At(new TextSpan(insn, 1), insn, HelperRegistry.Describe(id)));
            return 0;
        }
        helpers.Add(body);
        ids.Add(id);
        return ids.Count - 1;
    }
}
