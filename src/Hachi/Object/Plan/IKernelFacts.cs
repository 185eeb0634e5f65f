using System.Collections.Immutable;
using Hachi.Btf;

namespace Hachi.Object.Plan;

/// <summary>A field of a tracepoint's record.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">Its type as the kernel writes it: <c>const char *</c>, <c>char[16]</c>, <c>__data_loc char[]</c>.</param>
/// <param name="Offset">Bytes in front of it.</param>
/// <param name="SizeBytes">Its bytes.</param>
/// <param name="IsSigned">Whether a number has a sign.</param>
public readonly record struct TracepointField(string Name, string Type, int Offset, int SizeBytes, bool IsSigned);

/// <summary>A tracepoint as /sys/kernel/tracing/events/CATEGORY/NAME/format describes it.</summary>
/// <param name="Id">The number that perf_event_open(2) takes.</param>
/// <param name="Fields">Its fields, those that every record has first.</param>
public sealed record TracepointFormat(int Id, ImmutableArray<TracepointField> Fields);

/// <summary>What a front end must know of the machine: types, tracepoints, what can be probed. <c>Hachi.Linux</c> asks the running kernel, tests keep answers.</summary>
public interface IKernelFacts
{
    /// <summary>The kernel's types; null when it gives none.</summary>
    BtfTypes? Types { get; }

    /// <summary>Possible processors.</summary>
    int Processors { get; }

    /// <summary>The kernel's version, 0x0006010c for 6.1.12.</summary>
    uint Version { get; }

    /// <summary>The types of a module, which go on from the kernel's; null when it has none.</summary>
    BtfTypes? ModuleTypes(string module);

    /// <summary>A tracepoint's record, or null when there is no such tracepoint.</summary>
    TracepointFormat? Tracepoint(string category, string name);

    /// <summary>
    /// What a name with wildcards stands for. Names without are answered too (one entry, or none when there is no such thing), so that front ends can ask whether something exists.
    /// </summary>
    /// <param name="kind">What is probed.</param>
    /// <param name="target">Category, module, or file; may have wildcards; empty for any.</param>
    /// <param name="name">Function or event; may have wildcards. Of a file also an address (<c>0x…</c>), which has no name: is there code?</param>
    /// <returns>Pairs of target and name, in order; empty for none; null when this machine cannot tell (the kernel will).</returns>
    IReadOnlyList<(string Target, string Name)>? Expand(ProbeKind kind, string target, string name);

    /// <summary>
    /// Where the arguments of a statically defined probe are, as the notes of the file say it (<c>-4@%edi 8@-16(%rbp)</c>): an entry for each of its places, in the order of the file. Null when
    /// the file cannot be read.
    /// </summary>
    IReadOnlyList<string>? ProbeArguments(string file, string name);

    /// <summary>Address of a symbol of the kernel, or of a file; null when there is none.</summary>
    ulong? AddressOf(string? file, string symbol);

    /// <summary>The namespace of processes that the tracer is in: device and inode of its file. Null for the first one, which is the kernel's own.</summary>
    (ulong Device, ulong Inode)? ProcessNamespace => null;

    /// <summary>Number of the control group whose folder has that path; null when there is none.</summary>
    ulong? ControlGroup(string path) => null;

    /// <summary>Whether one link can attach a program to many functions of that kind (kprobes: Linux 5.18, uprobes: 6.6).</summary>
    bool HasMultiProbes(ProbeKind kind) => false;
}
