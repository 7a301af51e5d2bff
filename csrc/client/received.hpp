// A DOWNLOAD whose head has been checked, on its way to a worker, which looks at the body, and into
// the file.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "wire/cursor.hpp"
#include "wire/message.hpp"

namespace realmsync::client {

struct DownloadLimits {
    std::uint64_t bytes = 0;        // of the body, inflated
    std::uint64_t parsed_bytes = 0; // of memory of one parsed changeset
    std::uint64_t part_bytes = 0;   // the same of those that are integrated together
};

// Where a message stands in a bootstrap (flexible-sync.md 7).
struct BootstrapPart {
    std::int64_t query_version = 0;
    std::uint32_t number = 0; // of the message; 0: the bootstrap begins, whatever came before
    bool is_last = false;
};

struct ReceivedDownload {
    std::shared_ptr<const std::string> body_bytes;
    bool compressed = false;
    std::uint64_t uncompressed_size = 0;
    wire::SyncProgress progress;
    wire::DownloadCursor previous; // cursor before this message: where its entries begin
    std::uint64_t downloadable_bytes = 0;
    std::uint64_t own_ident = 0;
    wire::Mode mode = wire::Mode::partition;
    std::optional<BootstrapPart> bootstrap = {};
    DownloadLimits limits;
    std::uint64_t charge = 0; // its part of the connection's backlog
};

} // namespace realmsync::client
