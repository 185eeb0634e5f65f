using System.Globalization;
using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Hachi.Tests.Tracing;

/// <summary>
/// A .NET program that collects, throws, compiles and contends, over and over: this test program, started again for this test alone, with a word in its environment and nothing else.
/// It ends by itself after a minute, whatever becomes of the tests.
/// </summary>
public sealed class DotnetScenario
{
    public const string Variable = "HACHI_TEST_SCENARIO", Name = "dotnet-work", Ready = "HACHI_TEST_READY";

    [Fact(Explicit = true)]
    public void Works()
    {
        if (Environment.GetEnvironmentVariable(Variable) != Name)
            Assert.Skip("runs in a process of its own");
        object gate = new();
        ModuleBuilder module = AssemblyBuilder.DefineDynamicAssembly(new AssemblyName("HachiMade"), AssemblyBuilderAccess.Run).DefineDynamicModule("HachiMade");
        DateTime end = DateTime.UtcNow.AddMinutes(1);
        var holder = new Thread(() =>
        {
            while (DateTime.UtcNow < end)
            {
                lock (gate)
                    Thread.Sleep(60);
                Thread.Sleep(5);
            }
        })
        { IsBackground = true };
        holder.Start();
        for (int round = 0; DateTime.UtcNow < end; round++)
        {
            GC.Collect(round % 2, GCCollectionMode.Forced, blocking: true);
            ThrowAndCatch(round);
            Touch();
            Compile(module, round);
            lock (gate)
                Thread.Sleep(5);
            Thread.Sleep(40);
            // Everything was done once: who waits for this file finds the methods compiled.
            if (round == 0 && Environment.GetEnvironmentVariable(Ready) is { Length: > 0 } ready)
                File.WriteAllText(ready, "");
        }
    }

    // Memory that is new each time: each page of it is asked of the kernel in the middle of this method.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static unsafe void Touch()
    {
        // So much that the C library gives it back at once.
        const int Bytes = 40 << 20, Touched = 1 << 20, Page = 4096;
        byte* memory = (byte*)NativeMemory.Alloc(Bytes);
        for (int i = 0; i < Touched; i += Page)
            memory[i] = 1;
        NativeMemory.Free(memory);
    }

    private static void ThrowAndCatch(int round)
    {
        try
        {
            throw new InvalidTimeZoneException($"the \e[31mround {round}");
        }
        catch (InvalidTimeZoneException)
        {
            // Seen by who looks.
        }
    }

    // A method that is new each time is compiled each time.
    private static void Compile(ModuleBuilder module, int round)
    {
        TypeBuilder type = module.DefineType(string.Create(CultureInfo.InvariantCulture, $"HachiMade{round}"));
        ILGenerator code = type.DefineMethod("hachi_made_method", MethodAttributes.Public | MethodAttributes.Static, typeof(int), [typeof(int)]).GetILGenerator();
        code.Emit(OpCodes.Ldarg_0);
        code.Emit(OpCodes.Ret);
        Assert.Equal(7, type.CreateType().GetMethod("hachi_made_method")!.CreateDelegate<Func<int, int>>()(7));
    }
}
