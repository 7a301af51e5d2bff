#include "base/compress.hpp"

#include <memory>
#include <new>

#include <libdeflate.h>

namespace realmsync {

namespace {

constexpr int kLevel = 1;
// Two bits of deflate stand for at most 258 bytes.
constexpr std::uint64_t kMaxRatio = 1032;

template <auto free> struct Free {
    void operator()(auto* p) const { free(p); }
};
using Compressor = std::unique_ptr<libdeflate_compressor, Free<libdeflate_free_compressor>>;
using Decompressor = std::unique_ptr<libdeflate_decompressor, Free<libdeflate_free_decompressor>>;

libdeflate_compressor* compressor() {
    thread_local const Compressor instance(libdeflate_alloc_compressor(kLevel));
    if (!instance)
        throw std::bad_alloc();
    return instance.get();
}

libdeflate_decompressor* decompressor() {
    thread_local const Decompressor instance(libdeflate_alloc_decompressor());
    if (!instance)
        throw std::bad_alloc();
    return instance.get();
}

} // namespace

std::optional<std::string> zlib_compress(std::string_view plain) {
    if (plain.empty())
        return std::nullopt;
    std::string stream(plain.size() - 1, '\0');
    const std::size_t size = libdeflate_zlib_compress(compressor(), plain.data(), plain.size(),
                                                      stream.data(), stream.size());
    if (size == 0) // does not fit
        return std::nullopt;
    stream.resize(size);
    return stream;
}

bool may_inflate_to(std::string_view stream, std::uint64_t size) {
    return size / kMaxRatio <= stream.size();
}

std::optional<std::string> zlib_decompress(std::string_view stream, std::uint64_t size) {
    if (!may_inflate_to(stream, size))
        return std::nullopt;
    std::string plain(size, '\0');
    std::size_t consumed = 0;
    const libdeflate_result result =
        libdeflate_zlib_decompress_ex(decompressor(), stream.data(), stream.size(), plain.data(),
                                      plain.size(), &consumed, nullptr);
    if (result != LIBDEFLATE_SUCCESS || consumed != stream.size())
        return std::nullopt;
    return plain;
}

} // namespace realmsync
