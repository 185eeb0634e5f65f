namespace Hachi.Uapi;

/// <summary>A system-call convention that a seccomp filter tells apart.</summary>
public enum SeccompArchitecture : byte
{
    /// <summary>64-bit x86.</summary>
    X86_64,

    /// <summary>32-bit x86 (<c>int 0x80</c>), which 64-bit programs can use as well.</summary>
    I386,

    /// <summary>32-bit pointers on 64-bit x86: the audit architecture of x86-64, numbers with bit 30 set.</summary>
    X32,

    /// <summary>64-bit ARM.</summary>
    Aarch64,
}

/// <summary>Names and numbers of <see cref="SeccompArchitecture"/>.</summary>
public static class SeccompArchitectures
{
    /// <summary>The bit in the number of every x32 call (asm/unistd.h, <c>__X32_SYSCALL_BIT</c>).</summary>
    public const uint X32Bit = 0x40000000;

    /// <summary>All of them.</summary>
    public static IReadOnlyList<SeccompArchitecture> All { get; } =
        [SeccompArchitecture.X86_64, SeccompArchitecture.I386, SeccompArchitecture.X32, SeccompArchitecture.Aarch64];

    /// <summary>What <c>seccomp_data.arch</c> holds (linux/audit.h, <c>AUDIT_ARCH_*</c>).</summary>
    public static uint Audit(this SeccompArchitecture architecture) => architecture switch
    {
        SeccompArchitecture.I386 => 0x40000003,
        SeccompArchitecture.Aarch64 => 0xc00000b7,
        _ => 0xc000003e,
    };

    /// <summary>The name that is printed: <c>x86_64</c>, <c>i386</c>, <c>x32</c>, <c>aarch64</c>.</summary>
    public static string Name(this SeccompArchitecture architecture) => architecture switch
    {
        SeccompArchitecture.X86_64 => "x86_64",
        SeccompArchitecture.I386 => "i386",
        SeccompArchitecture.X32 => "x32",
        _ => "aarch64",
    };

    /// <summary>The architecture of a name or one of its aliases (<c>x64</c>, <c>amd64</c>, <c>x86</c>, <c>arm64</c>, <c>SCMP_ARCH_X86_64</c> ...), or null.</summary>
    public static SeccompArchitecture? Parse(string name) => name.Replace('-', '_').ToUpperInvariant() switch
    {
        "X86_64" or "X64" or "AMD64" or "SCMP_ARCH_X86_64" => SeccompArchitecture.X86_64,
        "I386" or "X86" or "386" or "I686" or "SCMP_ARCH_X86" => SeccompArchitecture.I386,
        "X32" or "SCMP_ARCH_X32" => SeccompArchitecture.X32,
        "AARCH64" or "ARM64" or "SCMP_ARCH_AARCH64" => SeccompArchitecture.Aarch64,
        _ => null,
    };

    /// <summary>The convention by which a call was made: audit architecture and number together; null for one that is not known here.</summary>
    public static SeccompArchitecture? Of(uint audit, uint number) => audit switch
    {
        0xc000003e => number is >= X32Bit and < uint.MaxValue ? SeccompArchitecture.X32 : SeccompArchitecture.X86_64,
        0x40000003 => SeccompArchitecture.I386,
        0xc00000b7 => SeccompArchitecture.Aarch64,
        _ => null,
    };

    /// <summary>What <c>seccomp_data.nr</c> holds for the call with this number in the table: x32 adds its bit.</summary>
    public static uint DataNumber(this SeccompArchitecture architecture, int number) =>
        architecture == SeccompArchitecture.X32 ? (uint)number | X32Bit : (uint)number;

    /// <summary>Whether every argument is 32 bits wide, whatever its type.</summary>
    public static bool Is32Bit(this SeccompArchitecture architecture) => architecture == SeccompArchitecture.I386;
}
