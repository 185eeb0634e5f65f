using System.Text;

namespace Hachi.Btf.Print;

/// <summary>Names as C wants them: one for each type. Kernels have several types of one name; the second becomes <c>NAME___2</c>, which CO-RE takes for a flavour of the first.</summary>
internal sealed class CNames(BtfTypes types)
{
    private readonly Dictionary<uint, string> _names = [];
    private readonly Dictionary<string, BtfKind> _tags = [];
    private readonly Dictionary<string, int> _next = [];
    private readonly HashSet<string> _ordinary = [];

    /// <summary>The name of a type, without <c>struct</c> and the like.</summary>
    public string Of(uint id)
    {
        if (_names.TryGetValue(id, out string? known))
            return known;
        BtfType type = types[id];
        string name = type.Kind is BtfKind.Int or BtfKind.Float ? Words(types.NameOf(id)) : Identifier(types.NameOf(id));
        return _names[id] = type.Kind switch
        {
            BtfKind.Int or BtfKind.Float => name,
            BtfKind.Typedef => Unique(name, _ordinary.Add),
            // An announcement speaks of the type of that name, if that is of its kind.
            BtfKind.Fwd when !_tags.TryGetValue(name, out BtfKind tag) || tag == (type.Flag ? BtfKind.Union : BtfKind.Struct) => Announced(name, type.Flag),
            _ => Unique(name, each => _tags.TryAdd(each, type.IsEnum ? BtfKind.Enum : type.Kind)),
        };
    }

    /// <summary>Gives all types their names in the order of their ids: definitions before announcements.</summary>
    public void Assign()
    {
        for (int round = 0; round < 2; round++)
            for (uint id = 1; id < types.Count; id++)
            {
                BtfType type = types[id];
                bool isNow = type.Kind == BtfKind.Fwd ? round == 1 : round == 0 && (type.IsComposite || type.IsEnum || type.Kind == BtfKind.Typedef);
                if (isNow && type.NameOffset != 0)
                    _ = Of(id);
            }
    }

    /// <summary>The name of an enumeration's value, each time a new one.</summary>
    public string Value(string name) => Unique(Identifier(name), _ordinary.Add);

    /// <summary>A name with what C does not allow in one replaced.</summary>
    public static string Identifier(string name)
    {
        bool isGood = name.Length == 0 || !char.IsAsciiDigit(name[0]) && name.All(c => char.IsAsciiLetterOrDigit(c) || c == '_');
        return isGood ? name : "_" + string.Concat(name.Select(c => char.IsAsciiLetterOrDigit(c) ? c : '_'));
    }

    private string Announced(string name, bool isUnion)
    {
        _tags.TryAdd(name, isUnion ? BtfKind.Union : BtfKind.Struct);
        return name;
    }

    // Integers are called by several words.
    private static string Words(string name)
    {
        var text = new StringBuilder();
        foreach (char c in name)
            text.Append(char.IsAsciiLetterOrDigit(c) || c is '_' or ' ' ? c : '_');
        return text.Length == 0 ? "int" : text.ToString();
    }

    private string Unique(string name, Func<string, bool> take)
    {
        if (take(name))
            return name;
        int number = _next.GetValueOrDefault(name, 2);
        string other;
        do
            other = $"{name}___{number++}";
        while (!take(other));
        _next[name] = number;
        return other;
    }
}
