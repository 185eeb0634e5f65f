using System.Text;
using Hachi.Captures.Print;
using Hachi.Linux;
using Hachi.Linux.Capture;
using Hachi.Text;

namespace Hachi.Cli.Capture;

/// <summary>Prints packets of a live capture, a line each.</summary>
internal sealed class CaptureLines(Shell shell, IReadOnlyList<CaptureDevice> devices, bool isJson)
{
    private const int TimeCharacters = 15; // HH:MM:SS.ffffff

    private readonly StringBuilder _line = new(256);
    private readonly Dictionary<int, string> _names = [];
    private readonly bool _showsNames = devices.Count > 1 || devices[0].Index == 0;
    private long _number;

    /// <summary>Prints one.</summary>
    public void Print(in LivePacket packet)
    {
        _number++;
        _line.Clear();
        PacketLine.Append(_line, devices[packet.Device].LinkType, packet.Data, packet.OriginalLength, packet.Timestamp);
        if (isJson)
        {
            PrintJson(packet);
            return;
        }
        if (_showsNames)
            _line.Insert(TimeCharacters, " " + Escaper.Escape(NameOf(packet)));
        shell.Out.Write(_line.Append('\n'));
    }

    private void PrintJson(in LivePacket packet)
    {
        string summary = _line.ToString(TimeCharacters + 1, _line.Length - TimeCharacters - 1), name = NameOf(packet);
        (long time, int captured, uint original, bool isOut) = (packet.Timestamp, packet.Data.Length, packet.OriginalLength, packet.PacketType == 4);
        shell.WriteJson(to =>
        {
            to.WriteStartObject();
            to.WriteNumber("packet", _number);
            to.WriteNumber("timeNanoseconds", time);
            to.WriteString("interface", name);
            to.WriteString("direction", isOut ? "out" : "in");
            to.WriteNumber("capturedLength", captured);
            to.WriteNumber("originalLength", original);
            to.WriteString("summary", summary);
            to.WriteEndObject();
        });
    }

    /// <summary>On "any" the interface may be one that has come meanwhile, or one that is gone.</summary>
    private string NameOf(in LivePacket packet)
    {
        if (devices[packet.Device].Index != 0)
            return devices[packet.Device].Name;
        if (_names.TryGetValue(packet.InterfaceIndex, out string? name))
            return name;
        try
        {
            foreach (CaptureDevice device in CaptureDevice.List())
                _names[device.Index] = device.Name;
        }
        catch (BpfException)
        {
            // then by number
        }
        return _names.TryGetValue(packet.InterfaceIndex, out name) ? name : _names[packet.InterfaceIndex] = $"#{packet.InterfaceIndex}";
    }
}
