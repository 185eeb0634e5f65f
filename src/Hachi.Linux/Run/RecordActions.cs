using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using Hachi.Captures;
using Hachi.Linux.Events;
using Hachi.Linux.Load;
using Hachi.Object.Plan;
using Hachi.Uapi;

namespace Hachi.Linux.Run;

/// <summary>Does what records ask for: one of the plan's actions each.</summary>
internal sealed partial class RecordActions : IDisposable
{
    private const int HeaderBytes = 8;

    private readonly RunPlan _plan;
    private readonly LoadedObject _loaded;
    private readonly Utf8Writer _output;
    private readonly TextWriter _errors;
    private readonly TraceRunOptions _options;
    private readonly Names _names;
    private readonly ValueText _values;
    private readonly MapReport _maps;
    private readonly PrintFormat?[] _formats;
    private readonly HashSet<int> _cleared = [], _warned = [];
    private readonly PacketFiles _packets = new();
    private readonly int _warnings;
    private readonly Dictionary<string, string> _settings;
    private readonly int _catBytes;
    private bool _isEnding;

    public RecordActions(RunPlan plan, LoadedObject loaded, TextWriter output, TextWriter errors, TraceRunOptions options)
    {
        (_plan, _loaded, _output, _errors, _options) = (plan, loaded, new Utf8Writer(output), errors, options);
        _settings = plan.Settings.ToDictionary(pair => pair.Name, pair => pair.Value);
        int longest = int.TryParse(_settings.GetValueOrDefault("max_strlen"), NumberStyles.None, CultureInfo.InvariantCulture, out int given) ? given + 1 : 1025;
        _catBytes = int.TryParse(_settings.GetValueOrDefault("max_cat_bytes"), NumberStyles.None, CultureInfo.InvariantCulture, out int cat) ? cat : 10240;
        _warnings = int.TryParse(_settings.GetValueOrDefault("warnings_map"), NumberStyles.None, CultureInfo.InvariantCulture, out int warnings) && warnings < loaded.Maps.Count ? warnings : -1;
        // The kernel counts from the start of the machine; people read the time of day. The zone is a file that few scripts need.
        var booted = new Lazy<DateTime>(() => DateTime.Now - TimeSpan.FromSeconds(Stopwatch.GetTimestamp() / (double)Stopwatch.Frequency));
        _names = new Names(plan, plan.Stacks >= 0 ? loaded.Maps[plan.Stacks] : null);
        _values = new ValueText(_names, new TextRules(longest, _settings.GetValueOrDefault("str_trunc_trailer", "..")), nanoseconds => booted.Value.AddTicks((long)(nanoseconds / 100)));
        _maps = new MapReport(_values);
        _formats = new PrintFormat?[plan.Events.Length];
    }

    /// <summary>Whether the script asked to end.</summary>
    public bool HasEnded { get; private set; }

    public int ExitStatus { get; private set; }

    private bool IsJson => _options.Format == TraceFormat.Json;

    public void Flush() => _output.Flush();

    /// <summary>The stacks that the script's maps count by.</summary>
    public FlameGraph Stacks()
    {
        var graph = new FlameGraph();
        foreach (PlanMap map in _plan.Maps)
            _maps.AddStacks(_loaded.Maps[map.Map], map, graph, _names);
        return graph;
    }

    /// <summary>Follows what a process maps, so that its functions are named when it is gone; only where the script shows user stacks or symbols.</summary>
    public void Watch(int pid)
    {
        if (_plan.Stacks >= 0 || _plan.Events.Any(known => known.Fields.Any(field => field.Type.Kind == PlanKind.UserSymbol)))
            _names.Watch(pid);
    }

    /// <summary>Reads what a process maps, where that could not be followed.</summary>
    public void Remember(int pid) => _names.Remember(pid);

    /// <summary>The last records are those of the end probes.</summary>
    public void BeginEnd()
    {
        _isEnding = true;
        HasEnded = false;
    }

    /// <summary>Writes an object of a type and its data as a line of JSON.</summary>
    public void Line(string type, string data) => _output.Write($"{{\"type\": \"{type}\", \"data\": {data}}}\n");

    /// <summary>Does what a record asks for.</summary>
    public void Handle(ReadOnlySpan<byte> record)
    {
        if ((HasEnded && !_isEnding) || record.Length < HeaderBytes)
            return;
        uint number = BinaryPrimitives.ReadUInt32LittleEndian(record);
        if (number >= (uint)_plan.Events.Length || record.Length < _plan.Events[(int)number].SizeBytes)
            return;
        PlanEvent known = _plan.Events[(int)number];
        switch (known.Action)
        {
            case PlanAction.Printf when IsCsv: PrintRow(known, record); break;
            case PlanAction.Printf when !IsJson: FormatOf(known).Write(_output, record, known, _values); break;
            case PlanAction.Printf: Line("printf", ValueText.Quote(Format(known, record))); break;
            case PlanAction.Errorf: Said("ERROR", "errorf", known, Format(known, record)); break;
            case PlanAction.Warnf: Said("WARNING", "warnf", known, Format(known, record)); break;
            case PlanAction.Print: Print(known, record); break;
            case PlanAction.PrintMap: PrintMap(known.Map, Argument(known, record, 0), Argument(known, record, 1)); break;
            case PlanAction.PrintEntry: PrintEntry(known, record); break;
            case PlanAction.Clear or PlanAction.Zero: Clear(known); break;
            case PlanAction.Time: Text("time", TimeText.Format(known.Format, DateTime.Now, 0)); break;
            case PlanAction.Join: Join(known, record); break;
            case PlanAction.Cat: Cat(Format(known, record)); break;
            case PlanAction.System: RunCommand(known, record); break;
            case PlanAction.Exit:
                ExitStatus = (int)Argument(known, record, 0);
                HasEnded = true;
                break;
            case PlanAction.Packet: _packets.Write(known.Format, _values.TimeOf(ValueReader.Word(record, known.Fields[0].Offset)), ValueReader.Buffer(record[known.Fields[1].Offset..], known.Fields[1].Type), _errors); break;
            case PlanAction.HelperError: TellHelper(known, Argument(known, record, 0)); break;
        }
    }

    /// <summary>Writes what the runs of programs took.</summary>
    public void Benchmarks(List<(string Name, long Nanoseconds, long Runs)> rows)
    {
        CultureInfo plain = CultureInfo.InvariantCulture;
        if (!IsJson)
            _output.Write("Benchmark                                Time(ns)       Iterations\n------------------------------------------------------------------\n");
        foreach ((string name, long nanoseconds, long runs) in rows)
            if (IsJson)
                Line("benchmark_result", string.Create(plain, $"{{{ValueText.Quote(name)}: {{\"average\": {nanoseconds}, \"iters\": {runs}}}}}"));
            else
                _output.Write(string.Create(plain, $"{name,-40} {nanoseconds,-14} {runs}\n"));
    }

    /// <summary>Tells what programs noted since it was last asked, each thing once.</summary>
    public void Warn()
    {
        if (_warnings < 0)
            return;
        byte[] words = new byte[_loaded.Maps[_warnings].ValueBytes];
        if (_loaded.Maps[_warnings].TryGet(new byte[4], words) && words.AsSpan().IndexOfAnyExcept((byte)0) >= 0)
            foreach (PlanEvent known in _plan.Events)
                if (known.Action == PlanAction.Counted && ValueReader.Word(words, known.SizeBytes) != 0 && _warned.Add(known.Id))
                    Said("WARNING", "runtime_error", known, known.Format);
    }

    /// <summary>Closes what was written to.</summary>
    public void Dispose()
    {
        _packets.Dispose();
        _names.Dispose();
    }

    private PrintFormat FormatOf(PlanEvent known) => _formats[known.Id] ??= new PrintFormat(known.Format);

    private string Format(PlanEvent known, ReadOnlySpan<byte> record) => FormatOf(known).Apply(record, known, _values);

    private void Text(string type, string text)
    {
        if (IsJson)
            Line(type, ValueText.Quote(text));
        else
            _output.Write(text);
    }

    private void Said(string word, string type, PlanEvent known, string text)
    {
        _output.Flush();
        if (IsJson)
            Line(type, ValueText.Quote(text));
        else
            _errors.Write($"{known.Place}: {word}: {text}\n");
        _errors.Flush();
    }

    // The format is the helper's name, then the script's line and marks under the place.
    private void TellHelper(PlanEvent known, long result)
    {
        string[] parts = known.Format.Split('\n', 2);
        string message = (parts[0], (ErrorNumber)(-result)) switch
        {
            ("map_lookup_elem", _) => "Can't lookup map element because it does not exist.",
            ("map_delete_elem", ErrorNumber.ENOENT) => "Can't delete map element because it does not exist.",
            _ => System.Runtime.InteropServices.Marshal.GetPInvokeErrorMessage((int)-result),
        };
        if (!IsJson)
        {
            Said("WARNING", "", known, string.Create(CultureInfo.InvariantCulture, $"{message}\nAdditional Info - helper: {parts[0]}, retcode: {result}\n{parts[^1]}"));
            return;
        }
        string[] place = known.Place.Split(':');
        _output.Write(string.Create(CultureInfo.InvariantCulture,
            $"{{\"type\": \"helper_error\", \"msg\": {ValueText.Quote(message)}, \"helper\": \"{parts[0]}\", \"retcode\": {result}, \"filename\": {ValueText.Quote(string.Join(':', place[..^2]))}, \"line\": {place[^2]}, \"col\": {place[^1].Split('-')[0]}}}\n"));
    }

    private static long Argument(PlanEvent known, ReadOnlySpan<byte> record, int index) =>
        index < known.Fields.Length ? ValueReader.Number(record[known.Fields[index].Offset..], known.Fields[index].Type) : 0;

    private void Print(PlanEvent known, ReadOnlySpan<byte> record)
    {
        PlanField field = known.Fields[0];
        if (IsJson)
            Line("value", _values.Json(record[field.Offset..], field.Type));
        else
            _output.Write(_values.Text(record[field.Offset..], field.Type) + "\n");
    }

    private void PrintMap(int index, long top, long divisor)
    {
        PlanMap plan = _plan.Maps[index];
        Map map = _loaded.Maps[plan.Map];
        if (IsJson)
        {
            (string type, string data) = _maps.Json(map, plan, top, divisor);
            Line(type, data);
        }
        else if (IsCsv)
            _maps.Rows(map, plan, top, divisor).ForEach(WriteRow);
        else
            _output.Write(_maps.Text(map, plan, top, divisor));
    }

    private void PrintEntry(PlanEvent known, ReadOnlySpan<byte> record)
    {
        PlanMap plan = _plan.Maps[known.Map];
        ReadOnlySpan<byte> key = record.Slice(known.Fields[0].Offset, known.Fields[0].Type.SizeBytes);
        if (known.Fields.Length == 1)
        {
            _output.Write(_maps.One(_loaded.Maps[plan.Map], plan, key));
            return;
        }
        PlanField value = known.Fields[1];
        if (IsJson)
            Line("map", $"{{{ValueText.Quote(plan.Name)}: {{{ValueText.Quote(_values.Key(key, plan.Key!))}: {_values.Json(record[value.Offset..], value.Type)}}}}}");
        else
            _output.Write($"{plan.Name}[{_values.Key(key, plan.Key!)}]: {_values.Text(record[value.Offset..], value.Type)}\n");
    }

    private void Clear(PlanEvent known)
    {
        PlanMap plan = _plan.Maps[known.Map];
        Map map = _loaded.Maps[plan.Map];
        byte[] zeros = new byte[map.ValueBytes];
        bool isZero = known.Action == PlanAction.Zero;
        if (plan.Key is null)
            _cleared.Add(known.Map);
        foreach (byte[] key in MapEntries.Of(map).Select(entry => entry.Key).ToList())
            if (plan.Key is null || isZero)
                map.Set(key, zeros);
            else
                map.Remove(key);
    }

    private void Join(PlanEvent known, ReadOnlySpan<byte> record)
    {
        var words = new List<string>();
        foreach (PlanField field in known.Fields)
        {
            string word = _values.Text(record[field.Offset..], field.Type);
            if (word.Length == 0)
                break;
            words.Add(word);
        }
        string text = string.Join(known.Format, words);
        if (IsJson)
            Line("join", ValueText.Quote(text));
        else
            _output.Write(text + "\n");
    }

    private void Cat(string path)
    {
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            byte[] bytes = new byte[_catBytes];
            int length = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            Text("cat", System.Text.Encoding.UTF8.GetString(bytes, 0, length));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            string reason = e is FileNotFoundException or DirectoryNotFoundException ? "No such file or directory" : e.Message;
            _errors.Write($"ERROR: failed to open file '{path}' ({reason})\n");
        }
    }

    /// <summary>Runs a command through the shell. What programs saw enters as arguments, never as text of the command.</summary>
    private void RunCommand(PlanEvent known, ReadOnlySpan<byte> record)
    {
        if (!_options.IsUnsafe)
        {
            _errors.Write("ERROR: system() is not allowed without --unsafe\n");
            return;
        }
        _output.Flush();
        (string command, List<string> arguments) = ShellCommand.Of(known, record, _values);
        var start = new ProcessStartInfo("/bin/sh") { RedirectStandardOutput = true, UseShellExecute = false };
        foreach (string word in (string[])["-c", command, "sh", .. arguments])
            start.ArgumentList.Add(word);
        using Process? process = Process.Start(start);
        if (process is null)
            return;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Text("syscall", output);
    }

    /// <summary>Prints every map that has something.</summary>
    public void PrintMaps()
    {
        if (!IsJson && !IsCsv)
            _output.Write("\n");
        if (_settings.GetValueOrDefault("print_maps_on_exit") == "0")
            return;
        foreach ((PlanMap plan, int i) in _plan.Maps.Select((plan, i) => (plan, i)).OrderBy(pair => pair.plan.Name, StringComparer.Ordinal))
        {
            if (MapReport.IsEmpty(_loaded.Maps[plan.Map], plan, _cleared.Contains(i)))
                continue;
            PrintMap(i, 0, 0);
            if (!IsJson && !IsCsv && plan.Value.Kind is PlanKind.Average or PlanKind.Stats or PlanKind.TimeSeries)
                _output.Write("\n");
        }
    }
}

/// <summary>Capture files that packets go to: raw IP, made anew by the first packet, with the rights of their owner only.</summary>
internal sealed class PacketFiles : IDisposable
{
    private readonly Dictionary<string, CaptureWriter?> _files = new(StringComparer.Ordinal);

    public void Write(string path, DateTime time, ReadOnlySpan<byte> packet, TextWriter errors)
    {
        if (!_files.TryGetValue(path, out CaptureWriter? file))
        {
            try
            {
                var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
                if (!OperatingSystem.IsWindows())
                    options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
                var stream = new FileStream(path, options);
                file = CaptureWriter.Create(stream, CaptureFormat.Pcap, LinkType.Raw, nanoseconds: true);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
            {
                errors.Write($"ERROR: {path}: {e.Message}\n");
            }
            _files[path] = file;
        }
        file?.Write((time.ToUniversalTime() - DateTime.UnixEpoch).Ticks * 100, (uint)packet.Length, packet);
    }

    public void Dispose()
    {
        foreach (CaptureWriter? file in _files.Values)
            file?.Dispose();
        _files.Clear();
    }
}

/// <summary>A command with its arguments.</summary>
internal static class ShellCommand
{
    /// <summary>Puts <c>"$1"</c> and so on where the format has conversions.</summary>
    public static (string Command, List<string> Arguments) Of(PlanEvent known, ReadOnlySpan<byte> record, ValueText values)
    {
        var command = new System.Text.StringBuilder();
        var arguments = new List<string>();
        string format = known.Format;
        int start = 0, field = 0;
        for (int i = 0; i < format.Length; i++)
        {
            if (format[i] != '%' || i + 1 >= format.Length)
                continue;
            command.Append(format, start, i - start);
            int end = i + 1;
            while (end < format.Length && !char.IsAsciiLetter(format[end]) && format[end] != '%')
                end++;
            while (end < format.Length && format[end] is 'h' or 'l' or 'j' or 'z' or 't')
                end++;
            if (format[end < format.Length ? end : i] == '%')
                command.Append('%');
            else if (field < known.Fields.Length)
            {
                PlanEvent one = known with { Fields = [known.Fields[field]] };
                arguments.Add(new PrintFormat(format[i..Math.Min(format.Length, end + 1)]).Apply(record, one, values));
                command.Append(CultureInfo.InvariantCulture, $"\"${{{++field}}}\"");
            }
            i = end;
            start = Math.Min(format.Length, end + 1);
        }
        return (command.Append(format, start, format.Length - start).ToString(), arguments);
    }
}
