// Bodies of UPLOAD and DOWNLOAD: entries and their compression (wire-protocol.md 5.3, 5.4, 8.4,
// 9.2). Sizes are checked before anything is allocated.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "wire/message.hpp"

namespace realmsync::wire {

struct UploadEntry {
    std::uint64_t client_version = 0;
    std::uint64_t server_version = 0;    // base: newest server version integrated when it was made
    std::uint64_t origin_timestamp = 0;  // ms since 2015-01-01T00:00:00Z
    std::uint64_t origin_file_ident = 0; // 0: the sender
    std::string_view changeset;
};

struct DownloadEntry {
    std::uint64_t server_version = 0;
    std::uint64_t client_version = 0; // base: newest version of the receiver integrated before
    std::uint64_t origin_timestamp = 0;
    std::uint64_t origin_file_ident = 0;
    std::uint64_t original_size = 0;
    std::string_view changeset;
};

// The plain bytes of a received body. `limit` bounds the inflated size; a declared size above it,
// or above what deflate can yield from the bytes present, is refused before allocating.
Result<std::shared_ptr<const std::string>> plain_body(const Body& body, std::uint64_t limit);

// Views point into `plain`.
Result<std::vector<UploadEntry>> parse_upload_entries(std::string_view plain);
// Hands them over one by one, until `take` returns false: where a stranger may send millions.
// Gives the bytes read.
Result<std::size_t> read_upload_entries(std::string_view plain,
                                        const std::function<bool(const UploadEntry&)>& take);
Result<std::size_t> read_download_entries(std::string_view plain,
                                          const std::function<bool(const DownloadEntry&)>& take);
Result<std::vector<DownloadEntry>> parse_download_entries(std::string_view plain);

void append_entry(std::string& plain, const UploadEntry& entry);
void append_entry(std::string& plain, const DownloadEntry& entry);

// Plain bytes as they go into a message: zlib level 1 if more than 1024 bytes and it pays.
struct PackedBody {
    bool compressed = false;
    std::uint64_t uncompressed_size = 0;
    std::string bytes;
    Body view() const; // refers to this object
};
PackedBody pack_body(std::string plain);

} // namespace realmsync::wire
