using System.Net;
using System.Net.Http;
using System.Net.Sockets;
using System.Text;
using Hachi.Lang.Seccomp;
using Hachi.Lang.Seccomp.Syntax;
using Hachi.Linux.Sandbox;
using Hachi.Linux.Sys;

namespace Hachi.Tests.Seccomp;

/// <summary>
/// A .NET process that filters itself while fourteen threads run: this test program, started again for this test alone, with a word in its environment.
/// The filter goes on that process only, never on the one that runs the other tests.
/// </summary>
public sealed class ThreadsScenario
{
    public const string Variable = "HACHI_TEST_SCENARIO", Name = "seccomp-threads";

    private const int Threads = 14;

    [Fact(Explicit = true)]
    public void Filters_itself()
    {
        if (Environment.GetEnvironmentVariable(Variable) != Name)
            Assert.Skip("runs in a process of its own");
        Assert.Equal("errors 30, http hello, process 3, directory refused", Run());
    }

    private static string Run()
    {
        SeccompPolicy policy = PolicyText.Read("default errno EPERM\nnewer errno ENOSYS\nallow @dotnet\nerrno EROFS mkdir, mkdirat\n", [SeccompFilter.Native]).Policy!;
        using var ready = new CountdownEvent(Threads);
        using var filtered = new ManualResetEventSlim();
        int[] errors = new int[Threads];
        var threads = new Thread[Threads];
        for (int i = 0; i < Threads; i++)
        {
            int mine = i;
            threads[i] = new Thread(() =>
            {
                ready.Signal();
                byte[]? garbage = null;
                while (!filtered.IsSet)
                    garbage = new byte[20_000];
                GC.KeepAlive(garbage);
                errors[mine] = MakeDirectory();
            });
            threads[i].Start();
        }
        ready.Wait();
        SeccompFilter.Apply(SeccompCompiler.Compile(policy).Program!);
        filtered.Set();
        foreach (Thread thread in threads)
            thread.Join();
        string went = $"errors {string.Join(' ', errors.Distinct())}";
        for (int i = 0; i < 5; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
        went += $", http {Http().GetAwaiter().GetResult()}";
        using (var process = System.Diagnostics.Process.Start("/bin/sh", ["-c", "exit 3"]))
        {
            process.WaitForExit();
            went += $", process {process.ExitCode}";
        }
        try
        {
            Directory.CreateDirectory("/tmp/hachi-threads-directory");
            went += ", directory made";
        }
        catch (IOException)
        {
            went += ", directory refused";
        }
        return went;
    }

    private static unsafe int MakeDirectory()
    {
        fixed (byte* path = "/tmp/hachi-threads-directory\0"u8)
            return SeccompCalls.Call(SeccompCalls.Number("mkdirat"), -100, (nint)path, 0x1c0) == 0 ? 0 : SeccompCalls.LastError;
    }

    private static async Task<string> Http()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        Task serve = Task.Run(async () =>
        {
            using TcpClient client = await listener.AcceptTcpClientAsync();
            NetworkStream stream = client.GetStream();
            int read = await stream.ReadAsync(new byte[4096]);
            await stream.WriteAsync(Encoding.ASCII.GetBytes("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"));
        });
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(20) };
        string body = await http.GetStringAsync(new Uri($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/"));
        await serve;
        return body;
    }
}
