using System.Globalization;
using System.Text;

namespace Hachi.Linux.Run;

/// <summary>
/// Stacks as a flame graph: a box for each function, as wide as its share, standing on the function that called it. One SVG file with nothing from elsewhere: a browser shows name and share when
/// the pointer stands on a box, widens the box that is clicked, and finds functions by a part of their name; what shows pictures only shows it whole.
/// </summary>
public sealed class FlameGraph
{
    private const int WidthPixels = 1200, MarginPixels = 10, BoxPixels = 17, HeadPixels = 40, FootPixels = 34, DepthMax = 512;
    private const double LetterPixels = 6.65, BoxLeastPixels = 0.3;

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
        int height = HeadPixels + (Depth(_root) + 1) * BoxPixels + FootPixels, middle = WidthPixels / 2, right = WidthPixels - MarginPixels, foot = height - 11;
        to.Write(string.Create(CultureInfo.InvariantCulture, $"""
            <svg xmlns="http://www.w3.org/2000/svg" width="{WidthPixels}" height="{height}" viewBox="0 0 {WidthPixels} {height}" font-family="DejaVu Sans Mono, monospace" font-size="11">
            <style>text {"{"} pointer-events: none; {"}"} .f {"{"} cursor: pointer; {"}"} .f:hover rect {"{"} stroke: #000; stroke-width: 0.7; {"}"} .b {"{"} pointer-events: all; cursor: pointer; fill: #555; {"}"} .b:hover {"{"} fill: #000; {"}"}</style>
            <rect width="100%" height="100%" fill="#fffdf5"/>
            <text x="{middle}" y="24" text-anchor="middle" font-size="16">{Xml(title)}</text>
            <text id="whole" class="b" x="{MarginPixels}" y="24" visibility="hidden">show all</text>
            <text id="find" class="b" x="{right}" y="24" text-anchor="end">find</text>
            <text id="here" x="{MarginPixels}" y="{foot}"></text>
            <text id="found" x="{right}" y="{foot}" text-anchor="end"></text>

            """));
        if (_root.Value > 0)
            Box(to, _root, 0, MarginPixels, WidthPixels - 2 * MarginPixels, height - FootPixels, unit);
        to.Write(string.Create(CultureInfo.InvariantCulture, $"<script><![CDATA[\nvar left = {MarginPixels}, width = {WidthPixels - 2 * MarginPixels}, letter = {LetterPixels};\n{Script}]]></script>\n</svg>\n"));
    }

    private void Box(TextWriter to, Node node, int depth, double left, double width, int bottom, string unit)
    {
        if (width < BoxLeastPixels)
            return;
        double top = bottom - (depth + 1) * BoxPixels;
        string share = (100.0 * node.Value / _root.Value).ToString("0.00", CultureInfo.InvariantCulture);
        to.Write(string.Create(CultureInfo.InvariantCulture, $"<g class=\"f\"><title>{Xml(node.Name)} ({node.Value} {Xml(unit)}, {share}%)</title><rect x=\"{left:0.##}\" y=\"{top:0}\" width=\"{width:0.##}\" height=\"{BoxPixels - 1}\" rx=\"1\" fill=\"{Colour(node.Name)}\"/>"));
        to.Write(string.Create(CultureInfo.InvariantCulture, $"<text x=\"{left + 3:0.##}\" y=\"{top + 12:0}\">{Xml(Label(node.Name, (int)((width - 6) / LetterPixels)))}</text></g>\n"));
        double x = left;
        foreach (Node child in node.Children.Values)
        {
            double part = width * child.Value / node.Value;
            Box(to, child, depth + 1, x, part, bottom, unit);
            x += part;
        }
    }

    // Of methods the end tells more than the beginning, which is the name of a namespace.
    private static string Label(string name, int letters) =>
        letters < 3 ? "" : name.Length <= letters ? name : name.Contains("::", StringComparison.Ordinal) ? ".." + name[^(letters - 2)..] : name[..(letters - 2)] + "..";

    // Names are only ever read as text and written as text.
    private const string Script = """
        var boxes = Array.from(document.querySelectorAll('.f')).map(function (g) {
            var r = g.querySelector('rect');
            return { g: g, r: r, t: g.querySelector('text'), title: g.querySelector('title').textContent, x: +r.getAttribute('x'), w: +r.getAttribute('width'), y: +r.getAttribute('y'), fill: r.getAttribute('fill') };
        });
        var one = function (id) { return document.getElementById(id); };
        function label(name, letters) {
            return letters < 3 ? '' : name.length <= letters ? name : name.indexOf('::') >= 0 ? '..' + name.slice(2 - letters) : name.slice(0, letters - 2) + '..';
        }
        function nameOf(b) { return b.title.replace(/ \([^()]*\)$/, ''); }
        function zoom(to) {
            boxes.forEach(function (b) {
                var below = b.y > to.y && b.x <= to.x + 0.02 && b.x + b.w >= to.x + to.w - 0.02;
                var within = b.y <= to.y && b.x >= to.x - 0.02 && b.x + b.w <= to.x + to.w + 0.02;
                b.g.setAttribute('visibility', below || within ? 'visible' : 'hidden');
                if (!below && !within) return;
                var x = below ? left : left + (b.x - to.x) / to.w * width, w = below ? width : Math.min(width, b.w / to.w * width);
                b.r.setAttribute('x', x);
                b.r.setAttribute('width', w);
                b.r.setAttribute('opacity', below ? 0.45 : 1);
                b.t.setAttribute('x', x + 3);
                b.t.textContent = label(nameOf(b), Math.floor((w - 6) / letter));
            });
            one('whole').setAttribute('visibility', to === boxes[0] ? 'hidden' : 'visible');
        }
        function find(part) {
            var spans = [];
            boxes.forEach(function (b) {
                var hit = part && nameOf(b).toLowerCase().indexOf(part.toLowerCase()) >= 0;
                b.r.setAttribute('fill', hit ? '#c050e0' : b.fill);
                if (hit) spans.push([b.x, b.x + b.w]);
            });
            spans.sort(function (a, b) { return a[0] - b[0]; });
            var sum = 0, end = 0;
            spans.forEach(function (s) { sum += Math.max(0, s[1] - Math.max(end, s[0])); end = Math.max(end, s[1]); });
            one('found').textContent = part ? 'found: ' + (100 * sum / width).toFixed(2) + '%' : '';
        }
        boxes.forEach(function (b) {
            b.g.addEventListener('click', function () { zoom(b); });
            b.g.addEventListener('mouseover', function () { one('here').textContent = b.title; });
            b.g.addEventListener('mouseout', function () { one('here').textContent = ''; });
        });
        one('whole').addEventListener('click', function () { zoom(boxes[0]); });
        one('find').addEventListener('click', function () { find(prompt('Functions whose name contains:', '')); });
        window.addEventListener('keydown', function (e) {
            if (e.key === 'Escape') { zoom(boxes[0]); find(''); }
        });
        if (location.hash.length > 1) {
            var wanted = decodeURIComponent(location.hash.slice(1));
            find(wanted);
            var first = boxes.filter(function (b) { return nameOf(b) === wanted; })[0];
            if (first) zoom(first);
        }

        """;

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
