using System.Runtime.InteropServices;
using System.Text;

namespace Hachi.Linux.Sys;

/// <summary>Whose a file is and what kind it is (statx(2)).</summary>
/// <param name="Owner">The user's number.</param>
/// <param name="Mode">Kind and permissions, as <c>st_mode</c> has them.</param>
internal readonly record struct FileStatus(uint Owner, int Mode)
{
    private const int KindMask = 0xf000, Regular = 0x8000, GroupOrOthersWrite = 0x12, Sticky = 0x200;

    /// <summary>Whether it is an ordinary file.</summary>
    public bool IsRegular => (Mode & KindMask) == Regular;

    /// <summary>Of a directory: whether others may put their files in the place of ours.</summary>
    public bool IsOpenToOthers => (Mode & GroupOrOthersWrite) != 0 && (Mode & Sticky) == 0;
}

/// <summary>Opening files by directory descriptors and looking at what was opened.</summary>
internal static unsafe class Files
{
    public const int AtCwd = -100, ReadOnly = 0, NonBlocking = 0x800, Cloexec = 0x80000, PathOnly = 0x200000;

    private static readonly bool s_isArm = RuntimeInformation.ProcessArchitecture == Architecture.Arm64;
    private static readonly int s_geteuid = s_isArm ? 175 : 107;

    // These two differ by architecture (arch/arm64/include/uapi/asm/fcntl.h).
    public static readonly int MustBeDirectory = s_isArm ? 0x4000 : 0x10000;
    public static readonly int NoFollow = s_isArm ? 0x8000 : 0x20000;

    /// <summary>The user that this process acts as.</summary>
    public static uint EffectiveUser => (uint)Syscall.Invoke(s_geteuid);

    /// <summary>Opens a file.</summary>
    /// <returns>A descriptor, or minus the error number.</returns>
    public static int Open(int directory, string path, int flags)
    {
        fixed (byte* name = Encoding.UTF8.GetBytes(path + '\0'))
            return (int)Syscall.Retry(Syscall.Openat, directory, (nint)name, flags | Cloexec);
    }

    /// <summary>Looks at a file, or, by an empty path, at what a descriptor holds; links are not followed below a directory. Null when there is none.</summary>
    public static FileStatus? StatusOf(int directory, string path)
    {
        const int Bytes = 256, EmptyPath = 0x1000, NoFollowLink = 0x100, MaskTypeModeUid = 1 | 2 | 8, OwnerOffset = 20, ModeOffset = 28;
        byte* answer = stackalloc byte[Bytes];
        int flags = path.Length == 0 ? EmptyPath : directory == AtCwd ? 0 : NoFollowLink;
        fixed (byte* name = Encoding.UTF8.GetBytes(path + '\0'))
            return Syscall.Invoke(Syscall.Statx, directory, (nint)name, flags, MaskTypeModeUid, (nint)answer) < 0
                ? null
                : new FileStatus(*(uint*)(answer + OwnerOffset), *(ushort*)(answer + ModeOffset));
    }

    /// <summary>The kind of file system that a descriptor lies in (statfs(2)); 0 when it cannot be told.</summary>
    public static uint FileSystemOf(int descriptor)
    {
        const int Bytes = 128;
        byte* answer = stackalloc byte[Bytes];
        return Syscall.Invoke(Syscall.Fstatfs, descriptor, (nint)answer) < 0 ? 0 : (uint)*(long*)answer;
    }
}
