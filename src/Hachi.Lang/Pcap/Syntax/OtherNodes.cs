using Hachi.Text;

namespace Hachi.Lang.Pcap.Syntax;

/// <summary><c>[proto] broadcast</c> or <c>[proto] multicast</c>.</summary>
public sealed class CastNode(FilterProtocol proto, TextSpan protoSpan, bool isMulticast, TextSpan span) : FilterNode(span)
{
    /// <summary>Default, or the keyword in front of it (any; the generator refuses what makes no sense).</summary>
    public FilterProtocol Proto { get; } = proto;

    /// <summary>Where the protocol is written; length 0 if it is not.</summary>
    public TextSpan ProtoSpan { get; } = protoSpan;

    /// <summary>True for <c>multicast</c>.</summary>
    public bool IsMulticast { get; } = isMulticast;
}

/// <summary><c>less N</c> (length at most N) or <c>greater N</c> (at least N).</summary>
public sealed class LengthTestNode(bool isGreater, uint value, TextSpan span) : FilterNode(span)
{
    /// <summary>True for <c>greater</c>.</summary>
    public bool IsGreater { get; } = isGreater;

    /// <summary>N.</summary>
    public uint Value { get; } = value;
}

/// <summary>The operator of <c>byte</c>.</summary>
public enum ByteOp : byte
{
    /// <summary><c>=</c>: the byte equals the value.</summary>
    Eq,

    /// <summary><c>&lt;</c></summary>
    Lt,

    /// <summary><c>&gt;</c></summary>
    Gt,

    /// <summary><c>&amp;</c></summary>
    And,

    /// <summary><c>|</c></summary>
    Or,
}

/// <summary><c>byte N op V</c>: the byte at offset N of the link-layer header.</summary>
public sealed class ByteNode(uint index, ByteOp op, uint value, TextSpan valueSpan, TextSpan span) : FilterNode(span)
{
    /// <summary>Offset.</summary>
    public uint Index { get; } = index;

    /// <summary>Operator.</summary>
    public ByteOp Op { get; } = op;

    /// <summary>Right side (unchecked).</summary>
    public uint Value { get; } = value;

    /// <summary>Where the right side is written.</summary>
    public TextSpan ValueSpan { get; } = valueSpan;
}

/// <summary><c>inbound</c> or <c>outbound</c>.</summary>
public sealed class BoundNode(bool isOutbound, TextSpan span) : FilterNode(span)
{
    /// <summary>True for <c>outbound</c>.</summary>
    public bool IsOutbound { get; } = isOutbound;
}

/// <summary><c>ifindex N</c>.</summary>
public sealed class IfIndexNode(uint index, TextSpan span) : FilterNode(span)
{
    /// <summary>N.</summary>
    public uint Index { get; } = index;
}

/// <summary>Which encapsulation an <see cref="EncapsulationNode"/> tests for.</summary>
public enum Encapsulation : byte
{
    /// <summary><c>vlan [id]</c></summary>
    Vlan,

    /// <summary><c>mpls [label]</c></summary>
    Mpls,

    /// <summary><c>pppoed</c></summary>
    Pppoed,

    /// <summary><c>pppoes [session]</c></summary>
    Pppoes,

    /// <summary><c>geneve [vni]</c></summary>
    Geneve,

    /// <summary><c>vxlan [vni]</c></summary>
    Vxlan,
}

/// <summary>A test for an encapsulation; all but <c>pppoed</c> shift the offsets of everything to their right.</summary>
public sealed class EncapsulationNode(Encapsulation kind, uint? id, TextSpan idSpan, TextSpan span) : FilterNode(span)
{
    /// <summary>Which.</summary>
    public Encapsulation Kind { get; } = kind;

    /// <summary>VLAN id, label, session or VNI as written (unchecked), or null.</summary>
    public uint? Id { get; } = id;

    /// <summary>Where the number is written; length 0 if it is not.</summary>
    public TextSpan IdSpan { get; } = idSpan;
}

/// <summary>What a <see cref="PfNode"/> tests in the header of pf's log.</summary>
public enum PfField : byte
{
    /// <summary><c>ifname NAME</c> or <c>on NAME</c></summary>
    IfName,

    /// <summary><c>rset NAME</c> or <c>ruleset NAME</c></summary>
    RuleSet,

    /// <summary><c>rnr N</c> or <c>rulenum N</c></summary>
    RuleNumber,

    /// <summary><c>srnr N</c> or <c>subrulenum N</c></summary>
    SubRuleNumber,

    /// <summary><c>reason N</c> or <c>reason NAME</c></summary>
    Reason,

    /// <summary><c>action NAME</c></summary>
    Action,
}

/// <summary>A test of the pf log header; names of reasons and actions are already numbers.</summary>
public sealed class PfNode(PfField field, string text, uint value, TextSpan valueSpan, TextSpan span) : FilterNode(span)
{
    /// <summary>Which field.</summary>
    public PfField Field { get; } = field;

    /// <summary>IfName and RuleSet: the name. Otherwise what was written.</summary>
    public string Text { get; } = text;

    /// <summary>The number for all others.</summary>
    public uint Value { get; } = value;

    /// <summary>Where name or number is written.</summary>
    public TextSpan ValueSpan { get; } = valueSpan;
}

/// <summary><c>[wlan] type T [subtype S]</c> or <c>[wlan] subtype S</c>: (first byte of the 802.11 header &amp; Mask) == Value.</summary>
public sealed class WlanTypeNode(uint value, uint mask, TextSpan span) : FilterNode(span)
{
    /// <summary>Type and subtype bits of frame control byte 0.</summary>
    public uint Value { get; } = value;

    /// <summary>0x0c (type) or 0xfc (type and subtype).</summary>
    public uint Mask { get; } = mask;
}

/// <summary><c>[wlan] dir D</c>.</summary>
public sealed class WlanDirectionNode(uint value, TextSpan valueSpan, TextSpan span) : FilterNode(span)
{
    /// <summary>0 nods, 1 tods, 2 fromds, 3 dstods; a number as written is unchecked.</summary>
    public uint Value { get; } = value;

    /// <summary>Where it is written.</summary>
    public TextSpan ValueSpan { get; } = valueSpan;
}

/// <summary>What an <see cref="LlcNode"/> tests.</summary>
public enum LlcTest : byte
{
    /// <summary><c>llc</c></summary>
    Any,

    /// <summary><c>llc i</c></summary>
    I,

    /// <summary><c>llc s</c></summary>
    S,

    /// <summary><c>llc u</c></summary>
    U,

    /// <summary><c>llc rr|rnr|rej</c>; Value is what the low four bits of the control field are (RR 0x01, RNR 0x05, REJ 0x09).</summary>
    SSubtype,

    /// <summary><c>llc ui|ua|disc|dm|sabme|test|xid|frmr</c>; Value is the control field (0x03 0x63 0x43 0x0f 0x6f 0xe3 0xaf 0x87).</summary>
    USubtype,
}

/// <summary><c>llc [type]</c>.</summary>
public sealed class LlcNode(LlcTest test, uint value, TextSpan span) : FilterNode(span)
{
    /// <summary>Which test.</summary>
    public LlcTest Test { get; } = test;

    /// <summary>For the subtypes.</summary>
    public uint Value { get; } = value;
}
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
