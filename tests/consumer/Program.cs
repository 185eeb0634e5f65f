using Hachi.Isa;

var program = new ClassicProgram([new ClassicInsn(ClassicOpcode.Ret, 1)]);
Console.WriteLine($"{program.Insns.Length} instruction");
