using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;

namespace Hachi.Lang.CSharp;

/// <summary>A place in C# source.</summary>
/// <param name="File">Name of the file, as the compiler was given it.</param>
/// <param name="Line">The line, from 1.</param>
/// <param name="Column">The column, from 1.</param>
public readonly record struct SourcePlace(string File, int Line, int Column)
{
    /// <inheritdoc/>
    public override string ToString() => Line == 0 ? "" : $"{File}({Line},{Column})";
}

/// <summary>Where instructions come from, as the portable PDB tells.</summary>
internal sealed class SourcePlaces(MetadataReader? pdb)
{
    private readonly Dictionary<MethodDefinitionHandle, List<(int Offset, int Place)>> _methods = [];
    private readonly List<SourcePlace> _places = [];

    /// <summary>A place by its number; nowhere for -1.</summary>
    public SourcePlace this[int place] => place >= 0 && place < _places.Count ? _places[place] : default;

    /// <summary>The number of the place that an instruction comes from, or -1.</summary>
    public int Of(MethodDefinitionHandle method, int offset)
    {
        if (pdb is null)
            return -1;
        if (!_methods.TryGetValue(method, out List<(int Offset, int Place)>? points))
            _methods[method] = points = Read(pdb, method);
        int found = -1;
        foreach ((int at, int place) in points)
        {
            if (at > offset)
                break;
            found = place;
        }
        return found;
    }

    private List<(int Offset, int Place)> Read(MetadataReader from, MethodDefinitionHandle method)
    {
        var points = new List<(int, int)>();
        int row = MetadataTokens.GetRowNumber(method);
        if (row > from.GetTableRowCount(TableIndex.MethodDebugInformation))
            return points;
        foreach (SequencePoint point in from.GetMethodDebugInformation(method.ToDebugInformationHandle()).GetSequencePoints())
        {
            if (point.IsHidden)
                continue;
            points.Add((point.Offset, _places.Count));
            _places.Add(new SourcePlace(from.GetString(from.GetDocument(point.Document).Name), point.StartLine, point.StartColumn));
        }
        return points;
    }
}
