using Hachi.Lang.Trace.Types;
using Hachi.Object.Plan;

namespace Hachi.Lang.Trace.Lower;

/// <summary>Types of a script as the plan tells them.</summary>
internal static class PlanTypes
{
    private const int DepthMax = 8;

    public static PlanType Of(TraceType type, TypeResolver types) => Of(type, types, 0);

    private static PlanType Of(TraceType type, TypeResolver types, int depth)
    {
        var made = new PlanType(Kind(type), type.SizeBytes) { IsSigned = type.IsSigned, Text = type.Text, Numbers = [.. type.Numbers.All] };
        switch (type.Kind)
        {
            case TypeKind.Integer when type.Enum is not null:
                return made with { Text = type.Enum.Name, Values = [.. type.Enum.Values] };
            case TypeKind.Tuple:
                return made with { Text = type.Tuple!.IsRecord ? "record" : "", Members = [.. type.Tuple.Items.Select(item => new PlanMember(item.Name, item.Offset, Of(item.Type, types, depth + 1)))] };
            case TypeKind.Array:
                return made with { Numbers = [type.Count], Members = [new PlanMember("", 0, Of(type.Element!, types, depth + 1))] };
            case TypeKind.Struct when depth < DepthMax:
                StructType layout = types.Complete(type).Struct!;
                return made with { Text = layout.Name, Members = [.. layout.Fields.Select(field => new PlanMember(field.Name, field.Offset, Of(field.Type, types, depth + 1)) { Bits = field.Bits, Shift = field.Shift })] };
            default:
                return made;
        }
    }

    private static PlanKind Kind(TraceType type) => type.Kind switch
    {
        TypeKind.Bool => PlanKind.Bool,
        TypeKind.Integer => type.Enum is null ? PlanKind.Int : PlanKind.Enum,
        TypeKind.String => PlanKind.String,
        TypeKind.Buffer => PlanKind.Buffer,
        TypeKind.Pointer => PlanKind.Pointer,
        TypeKind.Array => PlanKind.Array,
        TypeKind.Struct => PlanKind.Struct,
        TypeKind.Tuple => PlanKind.Tuple,
        TypeKind.KernelStack => PlanKind.KernelStack,
        TypeKind.UserStack => PlanKind.UserStack,
        TypeKind.KernelSymbol => PlanKind.KernelSymbol,
        TypeKind.UserSymbol => PlanKind.UserSymbol,
        TypeKind.UserName => PlanKind.UserName,
        TypeKind.Address => PlanKind.Address,
        TypeKind.Mac => PlanKind.Mac,
        TypeKind.Time => PlanKind.Time,
        TypeKind.CgroupPath => PlanKind.CgroupPath,
        TypeKind.Error => PlanKind.Error,
        TypeKind.Signal => PlanKind.Signal,
        TypeKind.Probe => PlanKind.Probe,
        TypeKind.Count => PlanKind.Count,
        TypeKind.Sum => PlanKind.Sum,
        TypeKind.Average => PlanKind.Average,
        TypeKind.Min => PlanKind.Min,
        TypeKind.Max => PlanKind.Max,
        TypeKind.Stats => PlanKind.Stats,
        TypeKind.Histogram => PlanKind.Histogram,
        TypeKind.LinearHistogram => PlanKind.LinearHistogram,
        TypeKind.TimeSeries => PlanKind.TimeSeries,
        _ => PlanKind.None,
    };
}
