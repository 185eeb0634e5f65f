global using Xunit;
global using Hachi.Tests.Support;
