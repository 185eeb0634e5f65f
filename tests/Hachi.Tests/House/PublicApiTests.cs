using System.Reflection;
using System.Text;

namespace Hachi.Tests.House;

/// <summary>
/// The public API of each library is a text file beside this test: a change of it is seen in review.
/// After a change that is meant: <c>HACHI_UPDATE=1 ./test house</c> writes the files again.
/// </summary>
public sealed class PublicApiTests
{
    [Theory]
    [InlineData("Hachi")]
    [InlineData("Hachi.Lang")]
    [InlineData("Hachi.Linux")]
    [InlineData("Hachi.Hosting")]
    public void Public_api_is_the_checked_one(string assembly)
    {
        string path = Shared.InRepository($"tests/Hachi.Tests/House/PublicApi/{assembly}.txt");
        string now = ApiText.Of(Assembly.Load(assembly));
        if (Environment.GetEnvironmentVariable("HACHI_UPDATE") is { Length: > 0 })
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, now);
        }
        string[] was = File.Exists(path) ? [.. File.ReadLines(path).Where(line => line.Length > 0)] : [];
        string[] lines = now.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        string[] change = [.. was.Except(lines).Select(line => "- " + line), .. lines.Except(was).Select(line => "+ " + line)];
        Assert.True(change.Length == 0, $"the public API of {assembly} has changed; if that is meant, run HACHI_UPDATE=1 ./test house and commit\n" + string.Join('\n', change.Take(60)));
    }
}

/// <summary>The public API of an assembly as sorted lines.</summary>
internal static class ApiText
{
    private const BindingFlags Declared = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    public static string Of(Assembly assembly)
    {
        var lines = new SortedSet<string>(StringComparer.Ordinal);
        foreach (Type type in assembly.GetExportedTypes())
        {
            string name = Name(type);
            lines.Add($"{name}: {Kind(type)}{Bases(type)}");
            if (type.IsEnum)
                foreach (FieldInfo field in type.GetFields(BindingFlags.Public | BindingFlags.Static))
                    lines.Add($"{name}.{field.Name} = {Convert.ToInt64(field.GetRawConstantValue(), null)}");
            else if (!type.IsSubclassOf(typeof(Delegate)))
                foreach (MemberInfo member in type.GetMembers(Declared))
                    if (Member(member) is { } text)
                        lines.Add($"{name}.{text}");
        }
        return string.Join('\n', lines) + "\n";
    }

    private static string Kind(Type type) =>
        type.IsEnum ? "enum " + Name(type.GetEnumUnderlyingType())
        : type.IsSubclassOf(typeof(Delegate)) ? "delegate " + Signature(type.GetMethod("Invoke")!)
        : type.IsInterface ? "interface"
        : type.IsValueType ? (type.IsByRefLike ? "ref struct" : "struct")
        : type.IsAbstract && type.IsSealed ? "static class" : type.IsAbstract ? "abstract class" : type.IsSealed ? "sealed class" : "class";

    private static string Bases(Type type)
    {
        if (type.IsEnum || type.IsSubclassOf(typeof(Delegate)))
            return "";
        IEnumerable<string> names = type.GetInterfaces().Where(each => each.IsPublic).Select(Name).Order(StringComparer.Ordinal);
        if (type.BaseType is { } parent && parent != typeof(object) && parent != typeof(ValueType))
            names = names.Prepend(Name(parent));
        string all = string.Join(", ", names);
        return all.Length == 0 ? "" : " : " + all;
    }

    private static string? Member(MemberInfo member) => member switch
    {
        // What the compiler writes for records and accessors says nothing new.
        MethodInfo { IsSpecialName: true } method when !method.Name.StartsWith("op_", StringComparison.Ordinal) => null,
        MethodInfo method when method.IsDefined(typeof(System.Runtime.CompilerServices.CompilerGeneratedAttribute), false) => null,
        MethodInfo method when IsVisible(method) => (method.IsStatic ? "static " : "") + method.Name + Generic(method) + Signature(method),
        ConstructorInfo { IsStatic: false } constructor when IsVisible(constructor) => "new(" + Parameters(constructor) + ")",
        PropertyInfo property when property.GetAccessors(true).Any(IsVisible) => Property(property),
        FieldInfo field when field.IsPublic || field.IsFamily => (field.IsLiteral ? "const " : field.IsStatic ? "static " : "") + field.Name
            + ": " + Name(field.FieldType) + (field.IsLiteral ? " = " + field.GetRawConstantValue() : ""),
        EventInfo @event => "event " + @event.Name + ": " + Name(@event.EventHandlerType!),
        _ => null,
    };

    private static string Property(PropertyInfo property)
    {
        string access = string.Join(' ', property.GetAccessors(true).Where(IsVisible).Select(accessor =>
            accessor.ReturnType != typeof(void) ? "get;"
            : accessor.ReturnParameter.GetRequiredCustomModifiers().Any(modifier => modifier.Name == "IsExternalInit") ? "init;" : "set;"));
        string index = string.Join(", ", property.GetIndexParameters().Select(parameter => Name(parameter.ParameterType)));
        return (property.GetAccessors(true)[0].IsStatic ? "static " : "") + (index.Length > 0 ? $"this[{index}]" : property.Name) + $" {{ {access} }}: " + Name(property.PropertyType);
    }

    private static bool IsVisible(MethodBase method) => method.IsPublic || method.IsFamily || method.IsFamilyOrAssembly;

    private static string Generic(MethodInfo method) => method.IsGenericMethod ? "<" + string.Join(", ", method.GetGenericArguments().Select(Name)) + ">" : "";

    private static string Signature(MethodInfo method) => $"({Parameters(method)}): {Name(method.ReturnType)}";

    private static string Parameters(MethodBase method) =>
        string.Join(", ", method.GetParameters().Select(parameter => (parameter.IsOut ? "out " + Name(parameter.ParameterType.GetElementType()!) : Name(parameter.ParameterType)) + " " + parameter.Name + (parameter.IsOptional ? "?" : "")));

    private static string Name(Type type)
    {
        if (type.IsByRef)
            return "ref " + Name(type.GetElementType()!);
        if (type.IsArray)
            return Name(type.GetElementType()!) + "[]";
        if (type.IsPointer)
            return Name(type.GetElementType()!) + "*";
        if (type.IsGenericParameter)
            return type.Name;
        var text = new StringBuilder();
        text.Append(type.DeclaringType is { } outer ? Name(outer) + "." : type.Namespace is { } space && !space.StartsWith("System", StringComparison.Ordinal) ? space + "." : "");
        text.Append(type.Name.Split('`')[0]);
        if (type.IsGenericType)
            text.Append('<').AppendJoin(", ", type.GetGenericArguments().Select(Name)).Append('>');
        return text.ToString();
    }
}
