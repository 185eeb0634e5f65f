using Hachi.Uapi;

namespace Hachi.Verify.Rejections;

public static partial class RefusalTable
{
    // Helpers, kernel functions, subprograms, and their arguments.
    private static RefusalInfo[] Calls() =>
    [
        Row("arg-type", "an argument of the wrong kind", "R2 type=scalar expected=fp, pkt, map_key, map_value",
            ["R{n} type={w} expected=", "arg#{n} expected", "Expected an initialized dynptr", "arg {n} is an unacquired reference", "doesn't have constant offset", "must be aligned", "Caller passes invalid args", "R{n} is not a pointer"],
            "A helper's argument has the wrong kind: a value where an address is wanted (a forgotten &), the context in place of a map, a number where memory is required, or something that was already given back.",
            "Look at the helper's signature: RN is argument N. Pass the address of a local variable or of a map's value."),
        Row("helper-not-allowed", "a helper that this kind of program may not call", "program of this type cannot use helper bpf_probe_read#4",
            ["program of this type cannot use helper", "unknown func bpf_", "invalid func unknown#{n}", "helper call might sleep in a non-sleepable prog", "helper call is not allowed in probe", "sleepable helper", "function calls are not allowed"],
            "The kernel does not offer the helper to this program type, or not to programs that may not sleep. \"invalid func unknown#N\" means that this kernel is older than the helper.",
            "Choose another program type or helper; hachi doctor shows what this kernel offers."),
        Row("core-poison", "a field that this kernel does not have", "invalid func unknown#195896080",
            ["invalid func unknown#195896080", "unknown#195896080", "invalid CO-RE relocation", "bad CO-RE relocation"],
            "195896080 is 0xbad2310: the loader did not find the member or enumerator in this kernel's types and planted a call that no kernel takes, to be reached only where the program checks for the field.",
            "Ask bpf_core_field_exists() or bpf_core_enum_value_exists() first, or add a ___flavour of the structure for the other layout. The line before says which field."),
        Row("map-func", "a helper and a map that do not go together", "cannot pass map_type 2 into func bpf_ringbuf_reserve#131",
            ["cannot pass map_type", "expected prog array map", "tail_call abusing map_ptr", "only read from bpf_array is supported"],
            "The helper does not work on maps of this kind.",
            "Change the map's type or the helper."),
        Row("gpl", "a function for GPL-compatible programs only", "cannot call GPL-restricted function from non-GPL compatible program",
            ["GPL-restricted", "GPL only function", "kernel function requires GPL", "from non-GPL compatible program", "GPL-compatible license"],
            "The helper or kernel function is reserved for programs under a licence compatible with the GPL, and the object's licence section is missing or says another.",
            "char LICENSE[] SEC(\"license\") = \"GPL\" or \"Dual MIT/GPL\"; it concerns the BPF part only."),
        Row("callback", "a function or object that a helper needs is not what was passed", "R2 type=scalar expected=func",
            ["R{n} type={w} expected=func", "expected an initialized iter", "expected an uninitialized", "expected uninitialized", "expected valid iter", "callback function not allowed"],
            "bpf_loop() and its kin need the address of a static function; iterators and dynamic pointers must be created first, and once only.",
            "Pass the function itself; call bpf_dynptr_from_mem() or bpf_iter_..._new() before."),
        Row("const-arg", "an argument that must be a constant", "R2 is not a known constant'",
            ["is not a known constant", "must be a known constant", "is not a const"],
            "The helper wants a number that is known when the program is checked, such as the size of a ring-buffer record.",
            "Use a constant, or bpf_ringbuf_reserve_dynptr() or bpf_ringbuf_output() for variable sizes."),
        Row("kfunc", "a kernel function that is not there or not allowed", "calling kernel function bpf_task_acquire is not allowed",
            ["calling kernel function {w} is not allowed", "failed to find BTF for extern", "kernel btf_id {n} is not", "kernel function btf_id", "calling kernel function is not supported", "invalid kernel function call", "invalid kernel function btf_id", "extern (var ksym)", "extern (func ksym)"],
            "The kernel function is not registered for this program type, or neither this kernel nor its modules have it.",
            "Change the program type; declare it extern __ksym __weak and ask bpf_ksym_exists(); load the module first."),
        Row("bad-fd", "a map reference without a map", "fd 9999 is not pointing to valid bpf_map",
            ["is not pointing to valid bpf_map", "EBADF", "fd_idx without fd_array is invalid", "fd {n} is not"],
            "The instruction names a descriptor that is no open map: references were not filled in, or the map was closed.",
            "Create maps before loading, relocate the program, and keep them open until it is loaded.", (int)ErrorNumber.EBADF),
        Row("global-func", "a global function's arguments or result", "Global function f() doesn't return scalar",
            ["Global function", "Arg#{n} type PTR", "Unrecognized arg#{n}", "arg#{n} must be", "arg#{n} reference type", "R{n} is not a scalar"],
            "Global (not static) functions are checked alone and need arguments of simple types and a number as result.",
            "Make it static, or annotate the arguments (__arg_ctx, __arg_nonnull)."),
    ];

    // What goes wrong before or beside the verifier.
    private static RefusalInfo[] Loading() =>
    [
        Row("eperm", "the kernel does not permit it", "Operation not permitted (EPERM), without a log",
            ["Operation not permitted", "errno=EPERM", "RLIMIT_MEMLOCK", "required by program type"],
            "Not the verifier: this process lacks CAP_BPF (with CAP_PERFMON for tracing, CAP_NET_ADMIN for networking), kernel.unprivileged_bpf_disabled is 1 or 2, a container's seccomp profile blocks bpf(2), a policy of the kernel forbids the program type, or before 5.11 the locked-memory limit is too small.",
            "hachi doctor says which of these it is. Run with the capabilities; in a container add CAP_BPF and CAP_PERFMON and allow bpf(2); before 5.11 raise RLIMIT_MEMLOCK.", (int)ErrorNumber.EPERM),
        Row("no-btf", "the kernel's type information is missing", "failed to find valid kernel BTF",
            ["failed to find valid kernel BTF", "vmlinux BTF", "/sys/kernel/btf/vmlinux", "in-kernel BTF is malformed", "FENTRY/FEXIT program can only be attached to another program annotated with BTF"],
            "CO-RE, fentry, LSM and struct_ops need the types of the running kernel, and /sys/kernel/btf/vmlinux is not there.",
            "Use a kernel built with CONFIG_DEBUG_INFO_BTF=y, or give the loader a BTF file of this kernel."),
        Row("attach-target", "the function or hook to attach to does not suit", "attach_btf_id 1234 is not a function",
            ["attach_btf_id", "is not modifiable", "Tracing programs must provide btf_id", "is not allowed to be attached", "Target program", "target program"],
            "fentry, fexit, fmod_ret, LSM and freplace programs are checked against what they attach to; this target is missing, of another kind, or may not be changed.",
            "Check the name in the section; the target must be in the kernel's BTF and traceable. fmod_ret needs a function that allows error injection."),
        Row("debug-info", "the object's type or line information is wrong", "missing btf func_info",
            ["missing btf func_info", "func_info", "line_info", "number of funcs", "invalid btf", "Invalid name", "BTF: "],
            "The types, function or line records that came with the program do not fit it or this kernel.",
            "Build object and types together; strip .BTF.ext to load without them."),
        Row("log", "the log did not fit its buffer", "ENOSPC, a log without its beginning",
            ["ENOSPC", "verifier log was truncated", "log truncated", "No space left on device", "line(s) omitted"],
            "The buffer for the verifier's log is smaller than the log, or a library shows only its last lines. With ENOSPC the load fails although the program may be fine.",
            "Load again without a log, or with a larger buffer (from 6.4 on the kernel says how large: log_true_size).", (int)ErrorNumber.ENOSPC),
        Row("attach", "refused without a word", "EINVAL, E2BIG or EOPNOTSUPP, without a log",
            ["errno=EINVAL without log", "Operation not supported", "errno=E2BIG without log", "Invalid argument"],
            "The arguments, not the program: an attach type or flag that this kernel or program type does not have, an empty program or one of more than a million instructions (E2BIG), a driver without native XDP, another program in the place.",
            "hachi doctor shows which program, map and attach types this kernel has, and since which version there are others.",
            (int)ErrorNumber.EINVAL, (int)ErrorNumber.E2BIG, (int)ErrorNumber.EOPNOTSUPP, (int)ErrorNumber.EBUSY, 524),
    ];
}
