using System.Globalization;
using System.Text;

namespace Hachi.Btf.Relocate;

/// <summary>A step on the way to a field: into an element of an array, or to a named member; or the value of an enumeration.</summary>
/// <param name="Type">The structure, union or enumeration; of an element, its type.</param>
/// <param name="Index">Which member, value or element.</param>
/// <param name="IsNamed">Whether it has a name, and is looked for by it.</param>
internal readonly record struct AccessStep(uint Type, int Index, bool IsNamed);

/// <summary>
/// What a relocation is about: a type, and steps from it. In the object's types it is read from a text such as <c>0:1:3</c> (first element of what a pointer points to, member 1, member 3 of that);
/// in the kernel's it is what matches. Anonymous members are no steps: what lies in them may lie elsewhere in another kernel.
/// </summary>
internal sealed class AccessPath(BtfTypes types, uint root)
{
    private const int StepsMax = 64;

    public BtfTypes Types => types;

    /// <summary>The type, as the relocation names it: typedefs are not resolved.</summary>
    public uint Root => root;

    public List<AccessStep> Steps { get; } = [];

    /// <summary>Bits in front of the field.</summary>
    public long BitOffset { get; set; }

    /// <summary>Reads a path; null, with a reason, when it is damaged.</summary>
    public static AccessPath? Parse(BtfTypes types, in CoreRelocation relocation, out string reason)
    {
        var path = new AccessPath(types, relocation.Type);
        reason = "its type does not exist";
        if (relocation.Type == 0 || relocation.Type >= types.Count)
            return null;
        string text = types.StringAt(relocation.Access);
        reason = $"'{text}' is no path";
        if (ParseNumbers(text) is not { } numbers)
            return null;
        bool isRead = relocation.Kind switch
        {
            CoreRelocationKind.EnumvalExists or CoreRelocationKind.EnumvalValue => path.ReadValue(numbers),
            CoreRelocationKind.TypeIdLocal or CoreRelocationKind.TypeIdTarget or CoreRelocationKind.TypeExists or CoreRelocationKind.TypeMatches or CoreRelocationKind.TypeSize => numbers is [0],
            _ => path.ReadField(numbers),
        };
        reason = isRead ? "" : $"path '{text}' leads nowhere in the object's own types";
        return isRead ? path : null;
    }

    /// <summary>For example <c>struct task_struct.real_parent.comm[3]</c>.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        BtfType type = types[root];
        string kind = type.Kind switch { BtfKind.Struct => "struct ", BtfKind.Union => "union ", BtfKind.Enum or BtfKind.Enum64 => "enum ", _ => "" };
        text.Append(kind).Append(types.NameOf(root) is { Length: > 0 } name ? name : "(anonymous)");
        for (int i = 0; i < Steps.Count; i++)
        {
            AccessStep step = Steps[i];
            if (step.IsNamed && types[step.Type].IsEnum)
                text.Append("::").Append(types.StringAt(types.RawValue(step.Type, types[step.Type], step.Index).NameOffset));
            else if (step.IsNamed)
                text.Append('.').Append(types.StringAt(types.RawMember(step.Type, types[step.Type], step.Index).NameOffset));
            else if (i > 0 || step.Index > 0)
                text.Append(CultureInfo.InvariantCulture, $"[{step.Index}]");
        }
        return text.ToString();
    }

    /// <summary>Goes on into an element. The count of an array at the end of a structure that has none is not a bound.</summary>
    public bool TryElement(uint array, int index, out uint element)
    {
        element = 0;
        if (types[array].Kind != BtfKind.Array)
            return false;
        BtfArray of = types.ArrayOf(array);
        bool isOpen = of.Count == 0 && Steps is [.., { IsNamed: true } last] && last.Index == types[last.Type].Count - 1;
        if (!isOpen && (uint)index >= of.Count)
            return false;
        element = types.Resolve(of.Element);
        return TryIndex(element, index);
    }

    /// <summary>Goes on to one of several of a type that stand in a row.</summary>
    public bool TryIndex(uint element, int index)
    {
        if (types.SizeOf(element) is not { } size)
            return false;
        BitOffset += (long)index * size * 8;
        Steps.Add(new AccessStep(element, index, IsNamed: false));
        return BitOffset is >= 0 and <= uint.MaxValue;
    }

    private bool ReadValue(List<int> numbers)
    {
        uint id = types.Resolve(root);
        if (numbers is not [var index] || !types[id].IsEnum || index >= types[id].Count)
            return false;
        Steps.Add(new AccessStep(id, index, IsNamed: true));
        return true;
    }

    private bool ReadField(List<int> numbers)
    {
        uint id = types.Resolve(root);
        if (!TryIndex(id, numbers[0]))
            return false;
        for (int i = 1; i < numbers.Count; i++)
        {
            id = types.Resolve(id);
            BtfType type = types[id];
            if (!type.IsComposite)
            {
                if (!TryElement(id, numbers[i], out id))
                    return false;
                continue;
            }
            if (numbers[i] >= type.Count)
                return false;
            BtfRawMember member = types.RawMember(id, type, numbers[i]);
            BitOffset += member.BitOffset;
            if (member.NameOffset != 0)
                Steps.Add(new AccessStep(id, numbers[i], IsNamed: true));
            id = member.Type;
        }
        return BitOffset is >= 0 and <= uint.MaxValue;
    }

    private static List<int>? ParseNumbers(string text)
    {
        var numbers = new List<int>();
        foreach (Range part in text.AsSpan().Split(':'))
        {
            if (numbers.Count >= StepsMax || !int.TryParse(text.AsSpan(part), NumberStyles.None, CultureInfo.InvariantCulture, out int number))
                return null;
            numbers.Add(number);
        }
        return numbers;
    }
}
