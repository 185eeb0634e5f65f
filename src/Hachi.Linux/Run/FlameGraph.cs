using System.Globalization;
using System.Text;

namespace Hachi.Linux.Run;

/// <summary>
/// Stacks as a flame graph: a box for each function, as wide as its share, standing on the function that called it. One SVG file without scripts or anything from elsewhere; a
/// browser shows name and share when the pointer stands on a box.
/// </summary>
public sealed class FlameGraph
{
    private const int WidthPixels = 1200, MarginPixels = 10, BoxPixels = 17, HeadPixels = 40, DepthMax = 512;
    private const double LetterPixels = 6.6, BoxLeastPixels = 0.3;

    private readonly Node _root = new("all");

    private sealed class Node(string name)
    {
        public string Name { get; } = name;

        public long Value { get; set; }

        public SortedDictionary<string, Node> Children { get; } = new(StringComparer.Ordinal);
    }

    /// <summary>Adds a stack.</summary>
    /// <param name="frames">Its functions, the outermost first.</param>
    /// <param name="value">How much it counts; what is not above 0 is left out.</param>
    public void Add(IEnumerable<string> frames, long value)
    {
        ArgumentNullException.ThrowIfNull(frames);
        if (value <= 0)
            return;
        Node node = _root;
        node.Value += value;
        foreach (string frame in frames.Take(DepthMax))
        {
            if (!node.Children.TryGetValue(frame, out Node? next))
                node.Children[frame] = next = new Node(frame);
            node = next;
            node.Value += value;
        }
    }

    /// <summary>The stacks, a line each, as other tools read them: <c>outer;inner;innermost 42</c>.</summary>
    public void WriteCollapsed(TextWriter to)
    {
        ArgumentNullException.ThrowIfNull(to);
        Write(_root, "");

        void Write(Node node, string path)
        {
            long own = node.Value - node.Children.Values.Sum(child => child.Value);
            if (own > 0 && path.Length > 0)
                to.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{path} {own}"));
            foreach (Node child in node.Children.Values)
                Write(child, path.Length == 0 ? Plain(child.Name) : $"{path};{Plain(child.Name)}");
        }
    }

    /// <summary>The graph.</summary>
    /// <param name="to">Gets the SVG document.</param>
    /// <param name="title">What is shown on top.</param>
    /// <param name="unit">What is counted, as the boxes tell it: <c>samples</c>.</param>
    public void WriteSvg(TextWriter to, string title, string unit)
    {
        ArgumentNullException.ThrowIfNull(to);
        int height = HeadPixels + (Depth(_root) + 1) * BoxPixels + MarginPixels;
        to.Write(string.Create(CultureInfo.InvariantCulture, $"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WidthPixels}\" height=\"{height}\" viewBox=\"0 0 {WidthPixels} {height}\" font-family=\"monospace\" font-size=\"11\">\n"));
        to.Write($"<rect width=\"100%\" height=\"100%\" fill=\"#fffdf5\"/>\n<text x=\"{WidthPixels / 2}\" y=\"24\" text-anchor=\"middle\" font-size=\"16\">{Xml(title)}</text>\n");
        if (_root.Value > 0)
            Box(to, _root, 0, MarginPixels, WidthPixels - 2 * MarginPixels, height - MarginPixels, unit);
        to.Write("</svg>\n");
    }

    private void Box(TextWriter to, Node node, int depth, double left, double width, int bottom, string unit)
    {
        if (width < BoxLeastPixels)
            return;
        double top = bottom - (depth + 1) * BoxPixels;
        string share = (100.0 * node.Value / _root.Value).ToString("0.00", CultureInfo.InvariantCulture);
        to.Write(string.Create(CultureInfo.InvariantCulture, $"<g><title>{Xml(node.Name)} ({node.Value} {Xml(unit)}, {share}%)</title><rect x=\"{left:0.##}\" y=\"{top:0}\" width=\"{width:0.##}\" height=\"{BoxPixels - 1}\" rx=\"1\" fill=\"{Colour(node.Name)}\"/>"));
        int letters = (int)((width - 6) / LetterPixels);
        if (letters >= 3)
        {
            string shown = node.Name.Length <= letters ? node.Name : node.Name[..(letters - 2)] + "..";
            to.Write(string.Create(CultureInfo.InvariantCulture, $"<text x=\"{left + 3:0.##}\" y=\"{top + 12:0}\">{Xml(shown)}</text>"));
        }
        to.Write("</g>\n");
        double x = left;
        foreach (Node child in node.Children.Values)
        {
            double part = width * child.Value / node.Value;
            Box(to, child, depth + 1, x, part, bottom, unit);
            x += part;
        }
    }

    private static int Depth(Node node) => node.Children.Count == 0 ? 0 : 1 + node.Children.Values.Max(Depth);

    // Warm colours; one name always has the same.
    private static string Colour(string name)
    {
        uint hash = 2166136261;
        foreach (char c in name)
            hash = (hash ^ c) * 16777619;
        return string.Create(CultureInfo.InvariantCulture, $"rgb({205 + hash % 50},{90 + (hash >> 8) % 130},{(hash >> 16) % 55})");
    }

    private static string Plain(string name) => name.Replace(';', ':').Replace('\n', ' ');

    // What XML keeps for itself, and what it does not take at all.
    private static string Xml(string text)
    {
        var safe = new StringBuilder(text.Length);
        foreach (char c in text)
            _ = c switch { '<' => safe.Append("&lt;"), '>' => safe.Append("&gt;"), '&' => safe.Append("&amp;"), '"' => safe.Append("&quot;"), < ' ' or (>= '\ud800' and <= '\udfff') or >= '\ufffe' => safe.Append('?'), _ => safe.Append(c) };
        return safe.ToString();
    }
}
