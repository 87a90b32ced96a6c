package vmlinux

import "encoding/binary"

var le = binary.LittleEndian

// Places in x86's setup header (Documentation/arch/x86/boot.rst).
const (
	setupSectsAt     = 0x1f1
	bootFlagAt       = 0x1fe
	headerMagicAt    = 0x202
	versionAt        = 0x206
	payloadOffsetAt  = 0x248
	payloadLengthAt  = 0x24c
	setupHeaderEnd   = 0x250
	protocolPayload  = 0x0208 // the first protocol with a payload, Linux 2.6.24
	defaultSetupSize = 4
	sector           = 512
)

func isBzImage(data []byte) bool {
	return len(data) >= setupHeaderEnd && string(data[headerMagicAt:headerMagicAt+4]) == "HdrS" && le.Uint16(data[bootFlagAt:]) == 0xaa55
}

// bzImagePayload returns the compressed kernel inside.
func bzImagePayload(data []byte) ([]byte, error) {
	if v := le.Uint16(data[versionAt:]); v < protocolPayload {
		return nil, damaged(versionAt, "a bzImage of boot protocol %d.%02d does not say where its kernel is: protocol 2.08 (Linux 2.6.24) is the first that does", v>>8, v&0xff)
	}
	sects := int64(data[setupSectsAt])
	if sects == 0 {
		sects = defaultSetupSize
	}
	at := (sects+1)*sector + int64(le.Uint32(data[payloadOffsetAt:]))
	n := int64(le.Uint32(data[payloadLengthAt:]))
	if at > int64(len(data)) || n > int64(len(data))-at {
		return nil, damaged(payloadOffsetAt, "the bzImage is cut off: its kernel is %d bytes from offset %#x on, and the file has %d bytes", n, at, len(data))
	}
	return data[at : at+n], nil
}
