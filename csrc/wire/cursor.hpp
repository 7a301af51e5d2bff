// Cursors of wire-protocol.md section 6.2 and their consistency rules, shared by messages, engines
// and stores.
#pragma once

#include <cstdint>

namespace realmsync::wire {

// Position in the server history: everything up to server_version is dealt with; client_version is
// the newest change of the receiving client integrated at or before it.
struct DownloadCursor {
    std::uint64_t server_version = 0;
    std::uint64_t client_version = 0;
    friend bool operator==(const DownloadCursor&, const DownloadCursor&) = default;
};

// Position in a client's history: everything up to client_version is dealt with; server_version is
// the newest server version the client had integrated there.
struct UploadCursor {
    std::uint64_t client_version = 0;
    std::uint64_t server_version = 0;
    friend bool operator==(const UploadCursor&, const UploadCursor&) = default;
};

// A server version with the salt that tells two histories of equal length apart.
struct SaltedVersion {
    std::uint64_t version = 0;
    std::int64_t salt = 0;
    friend bool operator==(const SaltedVersion&, const SaltedVersion&) = default;
};

struct FileIdent {
    std::uint64_t ident = 0; // 0: none yet
    std::int64_t salt = 0;
    friend bool operator==(const FileIdent&, const FileIdent&) = default;
};

// What a client stores about its synchronisation (section 6.3).
struct SyncProgress {
    SaltedVersion latest;
    DownloadCursor download;
    UploadCursor upload;
    friend bool operator==(const SyncProgress&, const SyncProgress&) = default;
};

constexpr bool is_consistent(const UploadCursor& c) {
    return c.client_version != 0 || c.server_version == 0;
}
constexpr bool is_consistent(const DownloadCursor& c) {
    return c.server_version != 0 || c.client_version == 0;
}
constexpr bool are_mutually_consistent(const UploadCursor& a, const UploadCursor& b) {
    if (a.client_version < b.client_version)
        return a.server_version <= b.server_version;
    if (a.client_version > b.client_version)
        return a.server_version >= b.server_version;
    return a.server_version == b.server_version;
}

} // namespace realmsync::wire
