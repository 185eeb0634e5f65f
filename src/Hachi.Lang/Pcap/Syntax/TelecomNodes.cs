using Hachi.Text;

namespace Hachi.Lang.Pcap.Syntax;

/// <summary>Keywords for SunATM captures.</summary>
public enum AtmType : byte
{
    /// <summary>lane</summary>
    Lane,

    /// <summary>metac</summary>
    Metac,

    /// <summary>bcc</summary>
    Bcc,

    /// <summary>oamf4sc</summary>
    Oamf4sc,

    /// <summary>oamf4ec</summary>
    Oamf4ec,

    /// <summary>sc</summary>
    Sc,

    /// <summary>ilmic</summary>
    Ilmic,

    /// <summary>oam</summary>
    Oam,

    /// <summary>oamf4</summary>
    Oamf4,

    /// <summary>connectmsg</summary>
    ConnectMsg,

    /// <summary>metaconnect</summary>
    MetaConnect,
}

/// <summary>One of the SunATM keywords.</summary>
public sealed class AtmTypeNode(AtmType type, TextSpan span) : FilterNode(span)
{
    /// <summary>Which.</summary>
    public AtmType Type { get; } = type;
}

/// <summary><c>vpi</c> or <c>vci</c>, a comparison and a number. A list <c>vpi (1 or 2)</c> is a chain of these.</summary>
public sealed class AtmFieldNode(bool isVci, RelationOp op, uint value, TextSpan valueSpan, TextSpan span) : FilterNode(span)
{
    /// <summary>True for <c>vci</c>.</summary>
    public bool IsVci { get; } = isVci;

    /// <summary>The comparison; Eq if none is written.</summary>
    public RelationOp Op { get; } = op;

    /// <summary>Right side (unchecked).</summary>
    public uint Value { get; } = value;

    /// <summary>Where it is written.</summary>
    public TextSpan ValueSpan { get; } = valueSpan;
}

/// <summary>Signal units of SS7's MTP2.</summary>
public enum Mtp2Type : byte
{
    /// <summary>fisu</summary>
    Fisu,

    /// <summary><c>lssu</c> or <c>lsu</c></summary>
    Lssu,

    /// <summary>msu</summary>
    Msu,

    /// <summary>hfisu</summary>
    Hfisu,

    /// <summary>hlssu</summary>
    Hlssu,

    /// <summary>hmsu</summary>
    Hmsu,
}

/// <summary>One of the MTP2 keywords.</summary>
public sealed class Mtp2Node(Mtp2Type type, TextSpan span) : FilterNode(span)
{
    /// <summary>Which.</summary>
    public Mtp2Type Type { get; } = type;
}

/// <summary>Fields of SS7's MTP3.</summary>
public enum Mtp3Field : byte
{
    /// <summary>sio</summary>
    Sio,

    /// <summary>opc</summary>
    Opc,

    /// <summary>dpc</summary>
    Dpc,

    /// <summary>sls</summary>
    Sls,

    /// <summary>hsio</summary>
    Hsio,

    /// <summary>hopc</summary>
    Hopc,

    /// <summary>hdpc</summary>
    Hdpc,

    /// <summary>hsls</summary>
    Hsls,
}

/// <summary>A MTP3 field, a comparison and a number. A list <c>opc (1 or 2)</c> is a chain of these.</summary>
public sealed class Mtp3FieldNode(Mtp3Field field, RelationOp op, uint value, TextSpan valueSpan, TextSpan span) : FilterNode(span)
{
    /// <summary>Which field.</summary>
    public Mtp3Field Field { get; } = field;

    /// <summary>The comparison; Eq if none is written.</summary>
    public RelationOp Op { get; } = op;

    /// <summary>Right side (unchecked).</summary>
    public uint Value { get; } = value;

    /// <summary>Where it is written.</summary>
    public TextSpan ValueSpan { get; } = valueSpan;
}
