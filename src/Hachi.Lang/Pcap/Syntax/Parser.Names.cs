using Hachi.Text;

namespace Hachi.Lang.Pcap.Syntax;

// Terms whose words are looked up in small tables, without regard to case: 802.11, LLC, pf. Numbers: IEEE 802.11 (frame control), IEEE 802.2, OpenBSD's pfvar.h.
internal ref partial struct Parser
{
    private const uint WlanTypeMask = 0x0c;
    private const uint WlanSubtypeMask = 0xf0;

    private static readonly (string Name, uint Value)[] s_wlanTypes = [("mgt", 0x00), ("management", 0x00), ("ctl", 0x04), ("control", 0x04), ("data", 0x08)];

    private static readonly (string Name, uint Value)[] s_management =
    [
        ("assocreq", 0x00), ("assoc-req", 0x00), ("assocresp", 0x10), ("assoc-resp", 0x10), ("reassocreq", 0x20), ("reassoc-req", 0x20),
        ("reassocresp", 0x30), ("reassoc-resp", 0x30), ("probereq", 0x40), ("probe-req", 0x40), ("proberesp", 0x50), ("probe-resp", 0x50),
        ("beacon", 0x80), ("atim", 0x90), ("disassoc", 0xa0), ("disassociation", 0xa0), ("auth", 0xb0), ("authentication", 0xb0),
        ("deauth", 0xc0), ("deauthentication", 0xc0),
    ];

    private static readonly (string Name, uint Value)[] s_control =
    [
        ("bar", 0x80), ("ba", 0x90), ("ps-poll", 0xa0), ("rts", 0xb0), ("cts", 0xc0), ("ack", 0xd0), ("cf-end", 0xe0), ("cf-end-ack", 0xf0),
    ];

    private static readonly (string Name, uint Value)[] s_data =
    [
        ("data", 0x00), ("data-cf-ack", 0x10), ("data-cf-poll", 0x20), ("data-cf-ack-poll", 0x30), ("null", 0x40), ("cf-ack", 0x50), ("cf-poll", 0x60),
        ("cf-ack-poll", 0x70), ("qos-data", 0x80), ("qos-data-cf-ack", 0x90), ("qos-data-cf-poll", 0xa0), ("qos-data-cf-ack-poll", 0xb0), ("qos", 0xc0),
        ("qos-cf-poll", 0xe0), ("qos-cf-ack-poll", 0xf0),
    ];

    private static readonly (string Name, uint Value)[] s_directions = [("nods", 0), ("tods", 1), ("fromds", 2), ("dstods", 3)];

    private static readonly (string Name, uint Value)[] s_llcSupervisory = [("rr", 0x01), ("rnr", 0x05), ("rej", 0x09)];

    private static readonly (string Name, uint Value)[] s_llcUnnumbered =
        [("ui", 0x03), ("ua", 0x63), ("disc", 0x43), ("dm", 0x0f), ("sabme", 0x6f), ("test", 0xe3), ("xid", 0xaf), ("frmr", 0x87)];

    private static readonly (string Name, uint Value)[] s_pfReasons =
    [
        ("match", 0), ("bad-offset", 1), ("fragment", 2), ("short", 3), ("normalize", 4), ("memory", 5), ("bad-timestamp", 6), ("congestion", 7),
        ("ip-option", 8), ("proto-cksum", 9), ("state-mismatch", 10), ("state-insert", 11), ("state-limit", 12), ("src-limit", 13), ("synproxy", 14),
    ];

    private static readonly (string Name, uint Value)[] s_pfActions =
    [
        ("pass", 0), ("accept", 0), ("drop", 1), ("block", 1), ("scrub", 2), ("noscrub", 3), ("nat", 4), ("nonat", 5), ("binat", 6), ("nobinat", 7),
        ("rdr", 8), ("nordr", 9), ("synproxy-drop", 10),
    ];

    /// <summary>The name of an action of pf's log, for printing.</summary>
    public static string PfActionName(uint value) => NameOf(s_pfActions, value);

    /// <summary>The name of an LLC subtype, for printing.</summary>
    public static string LlcName(LlcTest test, uint value) => NameOf(test == LlcTest.SSubtype ? s_llcSupervisory : s_llcUnnumbered, value);

    private static string NameOf((string Name, uint Value)[] table, uint value)
    {
        foreach ((string name, uint v) in table)
            if (v == value)
                return name;
        return "";
    }

    private static uint? Find((string Name, uint Value)[] table, ReadOnlySpan<char> word)
    {
        foreach ((string name, uint value) in table)
            if (word.Equals(name, StringComparison.OrdinalIgnoreCase))
                return value;
        return null;
    }

    private readonly ReadOnlySpan<char> NameText(Token token)
    {
        TextSpan span = NameSpan(token);
        return _text.AsSpan(span.Start, span.Length);
    }

    /// <summary><c>type T [subtype S]</c> and <c>subtype S</c>; the first word is taken already.</summary>
    private FilterNode? WlanType(Token word, TextSpan span)
    {
        Token token = Peek();
        if (word.Kind == TokenKind.Subtype)
        {
            if (!Expect(TokenKind.Name, out token))
                return null;
            ReadOnlySpan<char> name = NameText(token);
            uint? both = Find(s_management, name) ?? (Find(s_control, name) | 0x04) ?? (Find(s_data, name) | 0x08);
            return both is { } value
                ? new WlanTypeNode(value, WlanTypeMask | WlanSubtypeMask, TextSpan.Cover(span, token.Span))
                : Refuse(DiagnosticTable.FilterWlanAnySubtype, token.Span, null);
        }
        uint type;
        if (token.Kind == TokenKind.Number)
        {
            type = token.Number;
            if ((type & ~WlanTypeMask) != 0)
                return Refuse(DiagnosticTable.FilterWlanTypeValue, token.Span, null, type);
            Take();
        }
        else
        {
            if (!Expect(TokenKind.Name, out token))
                return null;
            if (Find(s_wlanTypes, NameText(token)) is not { } named)
                return Refuse(DiagnosticTable.FilterWlanTypeName, token.Span, null, NameText(token).ToString());
            type = named;
        }
        span = TextSpan.Cover(span, token.Span);
        if (Peek().Kind != TokenKind.Subtype)
            return new WlanTypeNode(type, WlanTypeMask, span);
        Take();
        return WlanSubtype(type, span);
    }

    private FilterNode? WlanSubtype(uint type, TextSpan span)
    {
        Token token = Peek();
        uint subtype;
        if (token.Kind == TokenKind.Number)
        {
            subtype = token.Number;
            if ((subtype & ~WlanSubtypeMask) != 0)
                return Refuse(DiagnosticTable.FilterWlanSubtypeValue, token.Span, null, subtype);
            Take();
        }
        else
        {
            if (!Expect(TokenKind.Name, out token))
                return null;
            if (type == WlanTypeMask)
                return Refuse(DiagnosticTable.FilterWlanNoSubtypes, token.Span, null);
            if (Find(type switch { 0 => s_management, 4 => s_control, _ => s_data }, NameText(token)) is not { } named)
                return Refuse(DiagnosticTable.FilterWlanSubtypeName, token.Span, null, NameText(token).ToString());
            subtype = named;
        }
        return new WlanTypeNode(type | subtype, WlanTypeMask | WlanSubtypeMask, TextSpan.Cover(span, token.Span));
    }

    private FilterNode? WlanDirection(TextSpan span)
    {
        Token token = Peek();
        uint value;
        if (token.Kind == TokenKind.Number)
        {
            value = token.Number;
            if (value > 3)
                return Refuse(DiagnosticTable.FilterWlanDirectionValue, token.Span, null, value);
            Take();
        }
        else
        {
            if (!Expect(TokenKind.Name, out token))
                return null;
            if (Find(s_directions, NameText(token)) is not { } named)
                return Refuse(DiagnosticTable.FilterWlanDirectionName, token.Span, null);
            value = named;
        }
        return new WlanDirectionNode(value, token.Span, TextSpan.Cover(span, token.Span));
    }

    private FilterNode? Llc(Token word)
    {
        Token token = Peek();
        TextSpan span = TextSpan.Cover(word.Span, token.Span);
        if (token.Kind == TokenKind.Pf && token.Number == (uint)PfField.RuleNumber)
        {
            // "rnr" (and, as in libpcap, its other spelling) is a keyword of pf.
            Take();
            return new LlcNode(LlcTest.SSubtype, 0x05, span);
        }
        if (token.Kind != TokenKind.Name)
            return new LlcNode(LlcTest.Any, 0, word.Span);
        Take();
        ReadOnlySpan<char> name = NameText(token);
        if (name.Length == 1 && char.ToLowerInvariant(name[0]) is 'i' or 's' or 'u')
            return new LlcNode(char.ToLowerInvariant(name[0]) switch { 'i' => LlcTest.I, 's' => LlcTest.S, _ => LlcTest.U }, 0, span);
        if (Find(s_llcSupervisory, name) is { } supervisory)
            return new LlcNode(LlcTest.SSubtype, supervisory, span);
        return Find(s_llcUnnumbered, name) is { } unnumbered
            ? new LlcNode(LlcTest.USubtype, unnumbered, span)
            : Refuse(DiagnosticTable.FilterLlcName, token.Span, null, name.ToString());
    }

    private FilterNode? Pf(Token word)
    {
        var field = (PfField)word.Number;
        Token token = Peek();
        bool number = token.Kind == TokenKind.Number && field is PfField.RuleNumber or PfField.SubRuleNumber or PfField.Reason;
        if (!number && field is PfField.RuleNumber or PfField.SubRuleNumber)
            return Fail(token);
        if (!Expect(number ? TokenKind.Number : TokenKind.Name, out token))
            return null;
        string text = NameText(token).ToString();
        uint value = token.Number;
        if (!number && field is PfField.Reason or PfField.Action)
        {
            if (Find(field == PfField.Reason ? s_pfReasons : s_pfActions, text) is not { } named)
                return Refuse(field == PfField.Reason ? DiagnosticTable.FilterPfReason : DiagnosticTable.FilterPfAction, token.Span, null, text);
            value = named;
        }
        return new PfNode(field, text, value, token.Span, TextSpan.Cover(word.Span, token.Span));
    }
}
