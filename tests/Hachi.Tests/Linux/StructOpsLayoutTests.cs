using Hachi.Btf;
using Hachi.Linux.Kernel;
using Hachi.Linux.Load.Fit;

namespace Hachi.Tests.Linux;

/// <summary>Where structures of functions are looked up: in the kernel's types, else in those of its modules. (No kernel of the matrix has a module with one; what the kernel itself has is registered there.)</summary>
public sealed class StructOpsLayoutTests
{
    [Fact]
    public void A_module_s_structure_is_found_with_its_numbers_among_the_module_s_types()
    {
        string folder = Directory.CreateTempSubdirectory("hachi-types-").FullName;
        try
        {
            var kernel = new BtfWriter();
            uint word = kernel.Int("long", 8);
            Define(kernel, word, "own_ops");
            // A structure that no programs may stand in: nothing wraps it.
            kernel.Struct("plain_ops", 8, [new BtfMember("open", word, 0, 0)]);
            File.WriteAllBytes(Path.Combine(folder, "vmlinux"), kernel.ToArray());
            Assert.True(BtfReader.TryRead(kernel.ToArray(), out BtfTypes? types, out string reason), reason);
            var module = new BtfWriter(types!, isSplit: true);
            uint first = module.NextId;
            Define(module, word, "its_ops");
            File.WriteAllBytes(Path.Combine(folder, "driver"), module.ToArray());

            KernelBtf read = KernelBtf.TryOpenFolder(folder)!;
            StructOpsLayout own = StructOpsLayout.Find(read, "own_ops")!.Value, its = StructOpsLayout.Find(read, "its_ops")!.Value;
            Assert.Equal((null, 24, 8), (own.Module, own.ValueBytes, own.DataOffset));
            Assert.Equal(("driver", 24, 8, first, first + 1), (its.Module, its.ValueBytes, its.DataOffset, its.TypeId, its.ValueTypeId));
            Assert.Equal((1, 16, 8), its.Member("close"));
            Assert.Null(StructOpsLayout.Find(read, "plain_ops"));
            Assert.Null(StructOpsLayout.Find(read, "no_ops"));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    // As the kernel wraps them: two words of its own, then the structure.
    private static void Define(BtfWriter writer, uint word, string name)
    {
        uint id = writer.Struct(name, 16, [new BtfMember("open", word, 0, 0), new BtfMember("close", word, 64, 0)]);
        writer.Struct("bpf_struct_ops_" + name, 24, [new BtfMember("common", word, 0, 0), new BtfMember("data", id, 64, 0)]);
    }
}
