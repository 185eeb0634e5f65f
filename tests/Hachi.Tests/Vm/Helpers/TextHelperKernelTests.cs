using System.Text;
using Hachi.Vm;

namespace Hachi.Tests.Vm.Helpers;

/// <summary>Helpers on text, here and in the running kernel.</summary>
public sealed class TextHelperKernelTests
{
    private const int TextBytes = 64, TextOffset = 32;

    // Words of the context, from the text on, to the stack at -72.
    private static string CopyToStack(int words) =>
        string.Join('\n', Enumerable.Range(0, words).Select(i => $"        r1 = *(u64 *)(r6 + {TextOffset + 8 * i})\n        *(u64 *)(r10 - {72 - 8 * i}) = r1"));

    [Theory, InlineData("strtol"), InlineData("strtoul")]
    public void Numbers_are_read_alike(string helper)
    {
        using BothMachines both = BothMachines.Load($"""
            .program main syscall
                    r6 = r1
                    r2 = *(u32 *)(r6 + 16)
                    if r2 > {TextBytes} goto out
                    if r2 == 0 goto out
                    *(u64 *)(r10 - 8) = 77
            {CopyToStack(8)}
                    r1 = r10
                    r1 += -72
                    r3 = *(u64 *)(r6 + 24)
                    r4 = r10
                    r4 += -8
                    call bpf_{helper}
                    *(u64 *)(r6 + 0) = r0
                    if r0 s< 0 goto out
                    r1 = *(u64 *)(r10 - 8)
                    *(u64 *)(r6 + 8) = r1
            out:    r0 = 0
                    exit
            """);
        Random random = Volume.Random($"numbers {helper}");
        string[] pieces = ["0", "-", "0x", "0X", " ", "\t", "9", "7", "f", "10", "9223372036854775807", "9223372036854775808", "18446744073709551615", "18446744073709551616", "-9223372036854775808", "+", "z", "\0"];
        ulong[] flags = [0, 8, 10, 16, 2, 32, 1ul << 40];
        int read = 0;
        for (int i = 0; i < Volume.Of(20_000, 1_000); i++)
        {
            string text = string.Concat(Enumerable.Range(0, random.Next(1, 5)).Select(_ => pieces[random.Next(pieces.Length)]));
            byte[] context = new byte[TextOffset + TextBytes];
            byte[] bytes = Encoding.ASCII.GetBytes(text)[..Math.Min(text.Length, TextBytes)];
            bytes.CopyTo(context, TextOffset);
            BitConverter.TryWriteBytes(context.AsSpan(16), random.Next(8) == 0 ? (uint)random.Next(TextBytes) : (uint)bytes.Length);
            BitConverter.TryWriteBytes(context.AsSpan(24), random.Next(3) == 0 ? flags[random.Next(flags.Length)] : flags[random.Next(4)]);
            byte[] after = both.Run(context, $"{helper} of '{text}' {Volume.Note}");
            read += BitConverter.ToInt64(after) > 0 ? 1 : 0;
        }
        Assert.True(read > 100);
    }

    [Fact]
    public void Strings_compare_alike()
    {
        using BothMachines both = BothMachines.Load($"""
            .map text array key 4 value 8 entries 1 flags 0x80 frozen
            .bytes 6162636400000000
            .program main syscall
                    r6 = r1
                    r2 = *(u32 *)(r6 + 16)
                    if r2 > 8 goto out
                    if r2 == 0 goto out
            {CopyToStack(1)}
                    r1 = r10
                    r1 += -72
                    r3 = map[text][0]+0 ll
                    call bpf_strncmp
                    *(u64 *)(r6 + 0) = r0
            out:    r0 = 0
                    exit
            """);
        Random random = Volume.Random("strncmp");
        for (int i = 0; i < Volume.Of(5_000, 400); i++)
        {
            byte[] context = new byte[40];
            byte[] text = [.. "abcdefgh"u8];
            if (random.Next(2) == 0)
                text[random.Next(8)] = (byte)random.Next(256);
            if (random.Next(2) == 0)
                text[random.Next(8)] = 0;
            text.CopyTo(context, 32);
            BitConverter.TryWriteBytes(context.AsSpan(16), random.Next(1, 9));
            both.Run(context, Volume.Note);
        }
    }

    [Fact]
    public void Formats_print_alike()
    {
        Random random = Volume.Random("snprintf");
        string[] flags = ["", "", "", "0", "-", "+", " ", "-0", "+0"], widths = ["", "", "", "1", "5", "12", "40"], kinds = ["d", "i", "u", "x", "X", "ld", "lu", "llx", "lld", "c", "s", "s", "lX", "px", "pI4", "pi4", "pI6", "pi6"],
            odd = ["%", "%%", "%q", "%5.2d", "%h", "%p4", "%lc", "%#x", "\x1b", "\n", "%pZ", "%pI5", "%-", "%lllx", "%5", "%ps2"];
        int printed = 0;
        for (int i = 0; i < Volume.Of(4_000, 150); i++)
        {
            var format = new StringBuilder();
            int count = random.Next(1, 5), asked = random.Next(10) == 0 ? random.Next(5) : count;
            string[] chosen = [.. Enumerable.Range(0, count).Select(_ => kinds[random.Next(kinds.Length)])];
            foreach (string kind in chosen)
            {
                format.Append((string[])["", "a=", " ", "%%"] is var between ? between[random.Next(4)] : "").Append('%');
                if (!kind.StartsWith('p'))
                    format.Append(flags[random.Next(flags.Length)]).Append(widths[random.Next(widths.Length)]);
                format.Append(kind).Append(kind.StartsWith('p') ? " " : "");
            }
            if (random.Next(6) == 0)
                format.Append(odd[random.Next(odd.Length)]);
            printed += PrintsAlike(format.ToString(), chosen, asked, random);
        }
        Assert.True(printed > 50);
    }

    // The arguments stand in the context from 128 on, the output goes to 0, its size stands at 120; strings and addresses are read from a map.
    private static int PrintsAlike(string format, string[] kinds, int asked, Random random)
    {
        byte[] data = new byte[128];
        Encoding.ASCII.GetBytes(format)[..Math.Min(format.Length, 95)].CopyTo(data, 0);
        "string\0"u8.CopyTo(data.AsSpan(96));
        random.NextBytes(data.AsSpan(112));
        var code = new StringBuilder($"""
            .map text array key 4 value 128 entries 1 flags 0x80 frozen
            .bytes {Convert.ToHexString(data)}
            .program main syscall
                    r6 = r1

            """);
        for (int i = 0; i < asked; i++)
        {
            string kind = i < kinds.Length ? kinds[i] : "d";
            bool isAddress = kind == "s" || kind.StartsWith("pI", StringComparison.Ordinal) || kind.StartsWith("pi", StringComparison.Ordinal);
            code.AppendLine(isAddress ? $"        r1 = map[text][0]+{(kind == "s" ? 96 : 112)} ll" : $"        r1 = *(u64 *)(r6 + {128 + 8 * i})").AppendLine($"        *(u64 *)(r10 - {48 - 8 * i}) = r1");
        }
        for (int i = 0; i < 12; i++)
            code.AppendLine($"        *(u64 *)(r10 - {160 - 8 * i}) = 0");
        code.Append($"""
                    r2 = *(u32 *)(r6 + 120)
                    if r2 > 96 goto out
                    r1 = r10
                    r1 += -160
                    r3 = map[text][0]+0 ll
                    r4 = {(asked == 0 ? "0" : "r10")}
                    {(asked == 0 ? "" : "r4 += -48")}
                    r5 = {8 * asked}
                    call bpf_snprintf
                    *(u64 *)(r6 + 112) = r0

            """);
        for (int i = 0; i < 12; i++)
            code.AppendLine($"        r1 = *(u64 *)(r10 - {160 - 8 * i})").AppendLine($"        *(u64 *)(r6 + {8 * i}) = r1");
        code.AppendLine("out:    r0 = 0").AppendLine("        exit");
        var spec = BothMachines.Parse(code.ToString());
        // The kernel checks a constant format when it loads the program; here it is the helper that says so.
        KernelObject? theirs = KernelObject.Load(spec, out string log);
        using KernelObject? owned = theirs;
        byte[] context = new byte[192];
        random.NextBytes(context.AsSpan(128));
        BitConverter.TryWriteBytes(context.AsSpan(120), random.Next(4) == 0 ? random.Next(97) : 96);
        if (theirs is null)
            Assert.True(log.Contains("Invalid format string", StringComparison.Ordinal), $"{format}\n{log}");
        byte[] expected = theirs?.Run([], context).Context ?? [];
        // Behind an address that finds the output full, the kernel takes the arguments from the wrong place.
        bool isLost = theirs is not null && kinds.Any(kind => kind is "pI4" or "pi4" or "pI6" or "pi6") && BitConverter.ToInt64(expected, 112) > BitConverter.ToInt32(context, 120);
        if (isLost)
            return 0;
        foreach (VmEngine engine in EbpfEngines.All)
        {
            using VmObject machine = BothMachines.LoadHere(spec, engine);
            byte[] memory = [.. context];
            VmResult result = machine.Programs[0].Run(memory);
            Assert.True(result.Success, $"'{format}' {result.Fault?.Message}");
            long length = BitConverter.ToInt64(memory, 112);
            if (theirs is null)
                Assert.True(length == -22, $"'{format}': {length} with {asked} arguments, the kernel refuses it\n{log}");
            else
                Assert.True(expected.AsSpan().SequenceEqual(memory), $"'{format}' size {BitConverter.ToInt32(context, 120)}\nhere   {length} {Show(memory)}\nkernel {BitConverter.ToInt64(expected, 112)} {Show(expected)}\n{Volume.Note}");
        }
        return theirs is null ? 0 : 1;

        static string Show(byte[] memory) => Encoding.Latin1.GetString(memory, 0, 96).Replace('\0', '~');
    }
}
