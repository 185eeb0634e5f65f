using Hachi.Uapi;
using Hachi.Vm.Machine;
using Hachi.Vm.Maps;

namespace Hachi.Vm.Helpers;

/// <summary>Helpers on maps (kernel/bpf/helpers.c).</summary>
internal static unsafe class MapHelpers
{
    public static void Register(RegisterHelper add)
    {
        add(Helper.MapUpdateElem, HelperPlaces.All, Update);
        add(Helper.MapDeleteElem, HelperPlaces.All, Delete);
        add(Helper.MapPushElem, HelperPlaces.All, static (ref HelperFrame f) => IsWritable(ref f) ? Give(f.Map.Push(f.Host(1), f[2])) : 0);
        add(Helper.MapPopElem, HelperPlaces.All, static (ref HelperFrame f) => IsWritable(ref f) ? Give(f.Map.Pop(f.Host(1))) : 0);
        add(Helper.MapPeekElem, HelperPlaces.All, static (ref HelperFrame f) => Give(f.Map.Peek(f.Host(1))));
        add(Helper.MapLookupPercpuElem, HelperPlaces.All, LookupPercpu);
    }

    /// <summary>A result of a map as r0.</summary>
    public static ulong Give(int result) => (ulong)result;

    /// <summary>bpf_map_lookup_elem, written out because programs do little else.</summary>
    public static ulong Lookup(Invocation call)
    {
        HelperSession session = call.Session;
        MachineState* state = call.State;
        ulong handle = state->Arguments[0];
        if (session.MapOf(handle) is not { } map)
            return call.SetFault(FaultReason.HelperArgument, state->HelperInsn, "bpf_map_lookup_elem: argument 1 is no map");
        if (!call.TryTranslate(state->Arguments[1], (ulong)map.KeySize, isWrite: false, out byte* key))
            return call.SetFault(FaultReason.ReadOutOfBounds, state->HelperInsn, null, state->Arguments[1], map.KeySize);
        if (!call.Charge(1 + map.KeySize / 8, state->HelperInsn))
            return 0;
        long offset = map.FindOffset(key, session.Cpu);
        if (offset >= 0)
            return session.AddressOf(map, handle, offset);
        return map is IMapOfMaps && map.AcquireInner(key) is { } inner ? session.HandleOf(inner) : 0;
    }

    private static ulong LookupPercpu(ref HelperFrame f)
    {
        if (f[2] >= (ulong)f.Session.Cpus || f.Map.UserValueSize == f.Map.ValueSize && f.Map.Type is not (MapType.PercpuArray or MapType.PercpuHash or MapType.LruPercpuHash))
            return 0;
        long offset = f.Map.FindOffset(f.Host(1), (int)f[2]);
        return offset < 0 ? 0 : f.Session.AddressOf(f.Map, f[0], offset);
    }

    private static ulong Update(ref HelperFrame f) => IsWritable(ref f) ? Give(f.Map.UpdateElement(f.Host(1), f.Host(2), f[3], f.Session.Cpu)) : 0;

    private static ulong Delete(ref HelperFrame f) => IsWritable(ref f) ? Give(f.Map.DeleteElement(f.Host(1))) : 0;

    private static bool IsWritable(ref HelperFrame f)
    {
        if (f.Map.IsWritableByPrograms)
            return true;
        f.Refuse($"map '{f.Map.Spec.Name}' can only be read by programs");
        return false;
    }
}
