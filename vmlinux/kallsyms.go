package vmlinux

// kallsyms is the kernel's table of its own symbols, for oopses and /proc/kallsyms
// (scripts/kallsyms.c writes it, kernel/kallsyms.c reads it). Nothing in an image says where it is, so it is
// found by its shape, from the part that can be mistaken for nothing else outwards:
//
//	token table    256 strings: what a byte of a compressed name stands for
//	token index    where in it each of them begins
//	num_syms, names, markers
//	               the number of names, the names, and where every 256th of them begins
//	offsets, relative_base
//	               addresses in the order of the names, which is ascending
//
// The order of these parts differs: up to 6.3 addresses come first, since 6.4 they come behind the
// token index. Each part begins at a multiple of 8 bytes.
type kallsyms struct {
	data   []byte
	tokens [256]string
	table  int // where the token table begins
	behind int // what follows the token index
	count  int
	numAt  int // where num_syms is
	names  int // where the first name is
	addrs  func(i int) uint64
	base   uint64
	baseAt int // where relative_base is, 0 if there is none
}

// Limits of what is believed: 6.12 with all its modules built in has fewer than 400,000 names.
const (
	minKallsyms  = 16
	maxKallsyms  = 4 << 20
	maxNamesSize = 64 << 20
	maxToken     = 128 // characters of a token
	maxName      = 512 // KSYM_NAME_LEN
)

// readKallsyms finds the table in whatever segment has it.
func (img *Image) readKallsyms() error {
	var err error
	for i := range img.segments {
		k := kallsyms{data: img.segments[i].data}
		if err = k.read(); err == nil {
			img.Names = "kallsyms"
			img.relocateBase(&k)
			img.symbols = k.symbols()
			return nil
		}
	}
	return err
}

// read finds all parts. The token tables that do not lead to names are taken for something else.
func (k *kallsyms) read() error {
	err := damaged(-1, "no kallsyms in it: the kernel was built without CONFIG_KALLSYMS, or lays its table out in a way that is not known; give a vmlinux with symbols, or the bytes alone")
	for at := 0; k.findTokens(at); at = k.behind {
		if !k.findNames() {
			err = damaged(int64(k.table), "kallsyms have a token table here, but no names in front of it")
			continue
		}
		if !k.findAddresses() {
			err = damaged(int64(k.numAt), "kallsyms have %d names here, but no addresses beside them", k.count)
			continue
		}
		return nil
	}
	return err
}

const tokenIndexSize = 256 * 2

func align8(n int) int { return (n + 7) &^ 7 }

// findTokens finds the next token index from an offset on, with the table in front of it.
func (k *kallsyms) findTokens(from int) bool {
	for at := align8(from); at+tokenIndexSize <= len(k.data); at += 8 {
		if last, ok := k.tokenIndex(at); ok && k.tokenTable(at, last) {
			k.behind = at + tokenIndexSize
			return true
		}
	}
	return false
}

// tokenIndex tells whether 256 ascending offsets from 0 on are at an offset, and what the last is.
func (k *kallsyms) tokenIndex(at int) (last int, ok bool) {
	if le.Uint16(k.data[at:]) != 0 {
		return 0, false
	}
	for i := 1; i < 256; i++ {
		next := int(le.Uint16(k.data[at+2*i:]))
		if next <= last || next-last > maxToken {
			return 0, false
		}
		last = next
	}
	return last, true
}

// tokenTable reads the strings that end in front of the index, or within the padding there.
func (k *kallsyms) tokenTable(index, last int) bool {
	for end := index; end > index-8 && end > 0; end-- {
		if k.data[end-1] != 0 {
			return false
		}
		// The last token is what stands between the terminators of the last two.
		start := end - 1
		for start > 0 && k.data[start-1] != 0 && end-start < maxToken {
			start--
		}
		table := start - last
		if start < end-1 && table >= 0 && table%8 == 0 && k.readTokens(table, index, end) {
			k.table = table
			return true
		}
	}
	return false
}

func (k *kallsyms) readTokens(table, index, end int) bool {
	for i := range 256 {
		from, to := table+int(le.Uint16(k.data[index+2*i:])), end
		if i < 255 {
			to = table + int(le.Uint16(k.data[index+2*i+2:]))
		}
		if to > end || from >= to || k.data[to-1] != 0 {
			return false
		}
		if k.tokens[i] = string(k.data[from : to-1]); !isPrintable(k.tokens[i]) {
			return false
		}
	}
	return true
}

// findNames looks in front of the token table for a number that is followed by so many names, and these
// by their markers.
func (k *kallsyms) findNames() bool {
	for at := (k.table - 16) &^ 7; at >= 0 && k.table-at <= maxNamesSize; at -= 8 {
		n := le.Uint32(k.data[at:])
		if n < minKallsyms || n > maxKallsyms || le.Uint32(k.data[at+4:]) != 0 {
			continue
		}
		k.numAt, k.names, k.count = at, at+8, int(n)
		if k.plausible() && k.namesEndInMarkers() {
			return true
		}
	}
	return false
}

// plausible looks at the first names, which is quick and refuses nearly all that is none.
func (k *kallsyms) plausible() bool {
	at := k.names
	for range minKallsyms {
		kind, name, next := k.name(at)
		if next == 0 || name == "" || !isSymbolType(kind) {
			return false
		}
		at = next
	}
	return true
}

func isSymbolType(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '?' || c == '-'
}

// length reads the length of the name at an offset: one byte, or two for names beyond 127 bytes. It
// returns where the name's bytes begin and end, 0 where they leave the data.
func (k *kallsyms) length(at int) (from, to int) {
	if at+2 > k.table {
		return 0, 0
	}
	n := int(k.data[at])
	if at++; n&0x80 != 0 {
		n = n&0x7f | int(k.data[at])<<7
		at++
	}
	if n == 0 || n > k.table-at {
		return 0, 0
	}
	return at, at + n
}

// name expands the name at an offset. Its first character is the type that nm prints. next is 0 where
// there is no name.
func (k *kallsyms) name(at int) (kind byte, name string, next int) {
	from, to := k.length(at)
	if to == 0 {
		return 0, "", 0
	}
	var buf [maxName]byte
	out := buf[:0]
	for _, b := range k.data[from:to] {
		if out = append(out, k.tokens[b]...); len(out) > maxName {
			return 0, "", 0
		}
	}
	if len(out) == 0 {
		return 0, "", 0
	}
	return out[0], string(out[1:]), to
}

// namesEndInMarkers walks all names and compares the markers behind them with where it came by.
func (k *kallsyms) namesEndInMarkers() bool {
	marks := make([]uint32, 0, (min(k.count, k.table/2)+255)/256)
	at := k.names
	for i := range k.count {
		if i%256 == 0 {
			marks = append(marks, uint32(at-k.names))
		}
		if _, at = k.length(at); at == 0 {
			return false
		}
	}
	at = align8(at)
	if 4*len(marks) > k.table-at {
		return false
	}
	for i, m := range marks {
		if le.Uint32(k.data[at+4*i:]) != m {
			return false
		}
	}
	return true
}

// findAddresses tries the places and the forms that addresses have had; they have to ascend.
func (k *kallsyms) findAddresses() bool {
	return k.offsetsAt(align8(k.behind)) || // since 6.4
		k.offsetsAt(k.numAt-8-align8(4*k.count)) || // 4.6 to 6.3
		k.absoluteAt(k.numAt-8*k.count) // before, and without CONFIG_KALLSYMS_BASE_RELATIVE
}

// offsetsAt tries 32-bit offsets with the base that they are relative to behind them.
func (k *kallsyms) offsetsAt(at int) bool {
	k.baseAt = at + align8(4*k.count)
	if at < 0 || k.baseAt+8 > len(k.data) {
		return false
	}
	k.base = le.Uint64(k.data[k.baseAt:])
	// With CONFIG_KALLSYMS_ABSOLUTE_PERCPU what is not negative is an address as it stands, and what is
	// negative lies that far above the base, less one.
	k.addrs = func(i int) uint64 {
		if v := int64(int32(le.Uint32(k.data[at+4*i:]))); v < 0 {
			return k.base - 1 - uint64(v)
		} else {
			return uint64(v)
		}
	}
	kernelLast := int32(le.Uint32(k.data[at+4*k.count-4:])) < 0
	if kernelLast && k.ascend() {
		return true
	}
	k.addrs = func(i int) uint64 { return k.base + uint64(le.Uint32(k.data[at+4*i:])) }
	return k.ascend()
}

func (k *kallsyms) absoluteAt(at int) bool {
	if at < 0 {
		return false
	}
	k.base, k.baseAt = 0, 0
	k.addrs = func(i int) uint64 { return le.Uint64(k.data[at+8*i:]) }
	return k.ascend()
}

// ascend tells whether the addresses do, and most of them differ: zeroes are no addresses.
func (k *kallsyms) ascend() bool {
	last, distinct := k.addrs(0), 1
	for i := 1; i < k.count; i++ {
		a := k.addrs(i)
		if a < last {
			return false
		}
		if a != last {
			distinct++
		}
		last = a
	}
	return distinct > k.count/2
}

// symbols expands all names.
func (k *kallsyms) symbols() symbols {
	out := make(symbols, 0, k.count)
	at := k.names
	for i := range k.count {
		_, name, next := k.name(at)
		if next == 0 {
			_, next = k.length(at) // an over-long name; the walk before saw its end
		}
		out = append(out, Symbol{Name: name, Addr: k.addrs(i)})
		at = next
	}
	return out
}
