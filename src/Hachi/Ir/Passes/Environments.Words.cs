namespace Hachi.Ir.Passes;

/// <summary>Lists of words: those that a value is certainly not, and the only ones that it can be.</summary>
internal sealed partial class Environments
{
    private const int ExclusionsLooked = 24, OneOfMax = 8, WordsMin = 128;

    private Word[] _excluded = new Word[WordsMin];
    private int[] _words = new int[WordsMin]; // heads of lists by hash; as many are in use as the mask says
    private int _excludedCount, _wordMask;

    /// <summary>A word of a list that ends with word 0. Equal lists are one, so that they need not be compared.</summary>
    private struct Word
    {
        public uint K;
        public int Next, HashNext;
        public ulong Bits; // hashes of this word and all that follow
    }

    private void ResetWords()
    {
        _excludedCount = 1;
        _wordMask = WordsMin - 1;
        Array.Clear(_words, 0, WordsMin);
    }

    private bool IsExcluded(int head, uint k)
    {
        ulong bit = BitOf(k);
        for (int looked = 0; (_excluded[head].Bits & bit) != 0 && looked < ExclusionsLooked; head = _excluded[head].Next, looked++)
            if (_excluded[head].K == k)
                return true;
        return false;
    }

    private static ulong BitOf(uint k) => 1ul << (int)((k * 0x9E3779B1u) >> 26);

    private int Link(uint k, int next)
    {
        uint bucket = HashOf(k, next) & (uint)_wordMask;
        for (int i = _words[bucket]; i != 0; i = _excluded[i].HashNext)
            if (_excluded[i].K == k && _excluded[i].Next == next)
                return i;
        if (_excludedCount > _wordMask)
        {
            GrowWords();
            bucket = HashOf(k, next) & (uint)_wordMask;
        }
        _excluded[_excludedCount] = new Word { K = k, Next = next, HashNext = _words[bucket], Bits = BitOf(k) | _excluded[next].Bits };
        _words[bucket] = _excludedCount;
        return _excludedCount++;
    }

    private void GrowWords()
    {
        int size = 2 * (_wordMask + 1);
        if (_words.Length < size)
        {
            Array.Resize(ref _excluded, size);
            _words = new int[size];
        }
        else
        {
            Array.Clear(_words, 0, size);
        }
        _wordMask = size - 1;
        for (int i = 1; i < _excludedCount; i++)
        {
            ref Word word = ref _excluded[i];
            ref int head = ref _words[HashOf(word.K, word.Next) & (uint)_wordMask];
            (word.HashNext, head) = (head, i);
        }
    }

    private static uint HashOf(uint k, int next)
    {
        uint hash = (k * 0x9E3779B1u) ^ ((uint)next * 0x85EBCA6Bu);
        return hash ^ (hash >> 15);
    }

    /// <summary>Both sides know which words are possible: all of them are, after they meet.</summary>
    private int MeetOneOf(in Known mine, in Known other)
    {
        if (mine.OneOf == other.OneOf && mine.OneOf != 0)
            return mine.OneOf;
        if ((mine.OneOf == 0 && !mine.IsConst) || (other.OneOf == 0 && !other.IsConst))
            return 0;
        int met = mine.OneOf != 0 ? mine.OneOf : Link(mine.Lo, 0), count = 0;
        for (int i = met; i != 0; i = _excluded[i].Next)
            count++;
        int more = other.OneOf;
        uint k = more == 0 ? other.Lo : _excluded[more].K;
        while (true)
        {
            if (!IsExcluded(met, k))
            {
                met = Link(k, met);
                count++;
            }
            more = more == 0 ? 0 : _excluded[more].Next;
            if (more == 0)
                return count <= OneOfMax ? met : 0;
            k = _excluded[more].K;
        }
    }

    private int DecideOneOf(in Known known, IrCompare compare, uint k)
    {
        int answer = -1;
        for (int i = known.OneOf; i != 0; i = _excluded[i].Next)
        {
            int one = IrFold.Evaluate(compare, _excluded[i].K, k) ? 1 : 0;
            if (answer >= 0 && answer != one)
                return -1;
            answer = one;
        }
        return answer;
    }

    private void KeepOneOf(ref Known known, IrCompare compare, uint k, bool outcome)
    {
        int kept = 0;
        for (int i = known.OneOf; i != 0; i = _excluded[i].Next)
            if (IrFold.Evaluate(compare, _excluded[i].K, k) == outcome)
                kept = Link(_excluded[i].K, kept);
        known.OneOf = kept;
        if (kept == 0 || _excluded[kept].Next != 0)
            return;
        uint only = _excluded[kept].K;
        (known.Lo, known.Hi, known.Zeros, known.Ones, known.OneOf) = (only, only, ~only, only, 0);
    }

    private int MeetExcluded(int head, in Known other)
    {
        // lists grow at the front, so what both have in common is mostly one tail, and newer entries have greater numbers
        int tail = head, its = other.Excluded;
        while (tail != its)
        {
            if (tail > its)
                tail = _excluded[tail].Next;
            else
                its = _excluded[its].Next;
        }
        int met = tail;
        for (int looked = 0; head != tail && looked < ExclusionsLooked; looked++)
        {
            uint k = _excluded[head].K;
            head = _excluded[head].Next;
            if (IsExcluded(other.Excluded, k) || other.Decide(IrCompare.Eq, k) == 0)
                met = Link(k, met);
        }
        return met;
    }
}
