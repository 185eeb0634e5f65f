using System.Globalization;
using System.Text.RegularExpressions;
using Hachi.Tests.Support;
using Hachi.Uapi;

namespace Hachi.Tests.Seccomp;

/// <summary>The tables of system calls against the installed headers and the running kernel.</summary>
public sealed class SyscallTableTests
{
    // Where the kernel's entry has another name than the call.
    private static readonly Dictionary<string, string> s_entries = new() { ["stat"] = "newstat", ["fstat"] = "newfstat", ["lstat"] = "newlstat", ["sendfile"] = "sendfile64", ["uname"] = "newuname", ["umount2"] = "umount" };

    [Theory]
    [InlineData(SeccompArchitecture.X86_64, "x86_64-linux-gnu/asm/unistd_64.h", 350)]
    [InlineData(SeccompArchitecture.I386, "x86_64-linux-gnu/asm/unistd_32.h", 400)]
    [InlineData(SeccompArchitecture.X32, "x86_64-linux-gnu/asm/unistd_x32.h", 300)]
    [InlineData(SeccompArchitecture.Aarch64, "asm-generic/unistd.h", 250)]
    public void Numbers_are_those_of_the_headers(SeccompArchitecture architecture, string header, int least)
    {
        string file = "/usr/include/" + header;
        if (!File.Exists(file))
            Assert.Skip($"no {file}: needs linux-libc-dev");
        SyscallTable table = SyscallTable.Of(architecture);
        int count = 0;
        foreach (Match match in Regex.Matches(File.ReadAllText(file), @"^#define __NR_(\w+)\s+\(?(?:__X32_SYSCALL_BIT \+ )?(\d+)\)?\s*$", RegexOptions.Multiline))
        {
            // The generic header has what 64-bit ARM leaves out, and names of its own for some.
            if (architecture == SeccompArchitecture.Aarch64 && (match.Groups[1].Value is "arch_specific_syscall" || table.Find(match.Groups[1].Value) is null))
                continue;
            Assert.Equal((match.Groups[1].Value, match.Groups[2].Value), (match.Groups[1].Value, table.Find(match.Groups[1].Value)?.Number.ToString(CultureInfo.InvariantCulture)));
            count++;
        }
        Assert.InRange(count, least, 600);
    }

    [Fact]
    public void Arguments_are_those_of_the_running_kernel()
    {
        string? folder = null, mounted = null;
        foreach (string place in (string[])["/sys/kernel/tracing", "/sys/kernel/debug/tracing"])
            if (Directory.Exists(place + "/events/syscalls"))
                folder = place;
        if (folder is null && Environment.IsPrivilegedProcess && OperatingSystem.IsLinux())
        {
            mounted = Directory.CreateTempSubdirectory("hachi-trace-").FullName;
            if (Tools.Run("/bin/mount", ["-t", "tracefs", "none", mounted]).ExitCode == 0)
                folder = mounted;
        }
        try
        {
            if (folder is null || !Directory.Exists(folder + "/events/syscalls"))
                Assert.Skip("no tracefs, or no system-call events in it");
            AssertArguments(folder + "/events/syscalls");
        }
        finally
        {
            if (mounted is not null)
            {
                Tools.Run("/bin/umount", [mounted]);
                Directory.Delete(mounted);
            }
        }
    }

    private static void AssertArguments(string folder)
    {
        int calls = 0, arguments = 0;
        foreach (SyscallInfo call in SyscallTable.Of(SeccompArchitecture.X86_64).All)
        {
            string format = $"{folder}/sys_enter_{s_entries.GetValueOrDefault(call.Name) ?? call.Name}/format";
            if (!File.Exists(format) || call.Arguments is null)
                continue;
            string[] kernel = [.. Regex.Matches(File.ReadAllText(format), @"field:(.+?);\toffset:(\d+);").Where(match => int.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture) >= 16).Select(match => match.Groups[1].Value.Replace("* ", "*", StringComparison.Ordinal))];
            Assert.Equal((call.Name, string.Join(", ", kernel)), (call.Name, string.Join(", ", call.Arguments).Replace("* ", "*", StringComparison.Ordinal)));
            calls++;
            arguments += kernel.Length;
        }
        Assert.InRange(calls, 200, 500);
        Assert.InRange(arguments, 600, 2000);
    }

    [Fact]
    public void Every_call_of_a_table_is_found_by_name_and_number()
    {
        foreach (SeccompArchitecture architecture in SeccompArchitectures.All)
            foreach (SyscallInfo call in SyscallTable.Of(architecture).All)
            {
                Assert.Same(call, SyscallTable.Of(architecture).Find(call.Name));
                Assert.Same(call, SyscallTable.Of(architecture).Find(call.Number));
                Assert.Equal(architecture, SeccompArchitectures.Of(architecture.Audit(), architecture.DataNumber(call.Number)));
            }
    }
}
