// zlib streams as message bodies use them (wire-protocol.md 5.4), by libdeflate. The compressor and
// the decompressor of a thread are made once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace realmsync {

// Level 1, window of 32 KiB, header 78 01; nothing unless the result is strictly smaller.
std::optional<std::string> zlib_compress(std::string_view plain);

// Whether deflate can yield so many bytes from a stream of that length.
bool may_inflate_to(std::string_view stream, std::uint64_t size);

// Exactly `size` bytes out of exactly `stream`, checksum verified; nothing for any other stream.
// Refuses a size that deflate cannot yield from the stream before allocating it.
std::optional<std::string> zlib_decompress(std::string_view stream, std::uint64_t size);

} // namespace realmsync
