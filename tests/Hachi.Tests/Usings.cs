global using Hachi.Tests.Support;
global using Xunit;
