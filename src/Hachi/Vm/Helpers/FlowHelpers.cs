using System.Runtime.InteropServices;
using Hachi.Uapi;
using Hachi.Vm.Machine;
using Hachi.Vm.Maps;

namespace Hachi.Vm.Helpers;

/// <summary>Helpers that steer the program: tail calls, loops, callbacks for elements, locks.</summary>
internal static unsafe class FlowHelpers
{
    private const ulong LoopsMax = 8 << 20;

    public static void Register(RegisterHelper add)
    {
        add(Helper.TailCall, HelperPlaces.All, TailCall);
        add(Helper.Loop, HelperPlaces.All, Loop);
        add(Helper.ForEachMapElem, HelperPlaces.All, ForEach);
        add(Helper.SpinLock, HelperPlaces.All, static (ref HelperFrame f) => f.Session.Lock(f.Host(0)) ? 0 : f.Refuse("bpf_spin_lock: a lock is held already"));
        add(Helper.SpinUnlock, HelperPlaces.All, static (ref HelperFrame f) => f.Session.Unlock(f.Host(0)) ? 0 : f.Refuse("bpf_spin_unlock: this lock is not held"));
    }

    // Where there is nothing to go to, the program goes on; r0 is then anything, and here what the kernel's map operations would say.
    private static ulong TailCall(ref HelperFrame f)
    {
        if (f.Map is not ProgramArrayMap programs)
            return f.Refuse("bpf_tail_call: argument 2 is no program array");
        if (programs.Target((uint)f[2]) is not VmProgram target || f.Call.TailCalls >= Invocation.TailCallsMax)
            return unchecked((ulong)-KernelError.Noent);
        if (!f.Session.Serves(target))
            return f.Refuse("bpf_tail_call: the program in that slot belongs to another object, and its maps are not these");
        return f.Charge(1) ? f.Call.TailCall(target.Unit) : 0;
    }

    private static ulong Loop(ref HelperFrame f)
    {
        (ulong count, ulong context) = (f[0], f[2]);
        int function = Handle.FunctionStart(f[1]);
        if (f[3] != 0)
            return unchecked((ulong)-KernelError.Inval);
        if ((uint)count > LoopsMax)
            return unchecked((ulong)-KernelError.TooBig);
        for (uint i = 0; i < (uint)count; i++)
        {
            if (!f.Charge(1))
                return 0;
            ulong stop = f.Call.CallBack(function, i, context, 0, 0, 0);
            if (f.IsFaulted)
                return 0;
            if (stop != 0)
                return i + 1;
        }
        return (uint)count;
    }

    private static ulong ForEach(ref HelperFrame f)
    {
        (ulong handle, ulong context) = (f[0], f[2]);
        int function = Handle.FunctionStart(f[1]);
        VmMap map = f.Map;
        if (f[3] != 0 || map.Type is not (MapType.Array or MapType.PercpuArray or MapType.Hash or MapType.PercpuHash or MapType.LruHash or MapType.LruPercpuHash))
            return unchecked((ulong)-KernelError.Inval);
        // The callback sees a copy of the key: the map's own lies where no program may look.
        byte* key = (byte*)NativeMemory.AllocZeroed((nuint)((map.KeySize + 7) & ~7));
        ulong address = f.Call.AddRegion(key, (uint)map.KeySize, isWritable: false);
        ulong count = 0;
        long cursor = 0;
        if (address == 0)
            f.Call.SetFault(FaultReason.Quota, f.Call.State->HelperInsn, "bpf_for_each_map_elem: no region is left for the key");
        while (!f.IsFaulted && f.Charge(1 + map.KeySize / 8) && map.NextElement(ref cursor, key, out long offset, f.Session.Cpu))
        {
            count++;
            if (f.Call.CallBack(function, handle, address, f.Session.AddressOf(map, handle, offset), context, 0) != 0)
                break;
        }
        f.Call.DropRegion(address, out _);
        NativeMemory.Free(key);
        return f.IsFaulted ? 0 : count;
    }
}
