// From the bytes of a DOWNLOAD to its Integrations (wire-protocol.md 6.5).
#include "client/download.hpp"

#include <optional>
#include <string_view>
#include <utility>

#include "base/assert.hpp"
#include "base/compress.hpp"
#include "changeset/codec.hpp"
#include "wire/body.hpp"

namespace realmsync::client {

namespace {

// Bytes in memory, beside what it was parsed from.
std::size_t memory_of(const changeset::Changeset& c) {
    return sizeof(IncomingChangeset) + c.strings.size() * sizeof(std::string_view) +
           c.instructions.size() * sizeof(changeset::Instruction) +
           c.paths.size() * sizeof(changeset::PathElement) +
           c.links.size() * sizeof(changeset::Link);
}

// The fault of an entry, or nullptr. `last` is the cursor behind the entry before it.
const char* fault(const wire::DownloadEntry& e, const ReceivedDownload& d,
                  const wire::DownloadCursor& last) {
    // All of a bootstrap may bear the version of its snapshot.
    const bool may_be_equal = d.mode == wire::Mode::flexible && e.server_version != 0;
    if (e.server_version < last.server_version ||
        (e.server_version == last.server_version && !may_be_equal))
        return "server versions of DOWNLOAD entries do not increase";
    if (e.server_version > d.progress.download.server_version)
        return "DOWNLOAD entry beyond the message's download cursor";
    if (e.client_version < last.client_version ||
        e.client_version > d.progress.download.client_version)
        return "bad last integrated client version in a DOWNLOAD entry";
    if (e.origin_file_ident == 0 || e.origin_file_ident == d.own_ident)
        return "bad origin file ident in a DOWNLOAD entry";
    return nullptr;
}

std::optional<Violation> check(std::string_view plain, const ReceivedDownload& d) {
    wire::DownloadCursor last = d.previous;
    const char* found = nullptr;
    auto read = wire::read_download_entries(plain, [&](const wire::DownloadEntry& e) {
        found = fault(e, d, last);
        last = {e.server_version, e.client_version};
        return !found;
    });
    if (!read)
        return Violation{std::move(read.error().message)};
    return found ? std::optional(Violation{found}) : std::nullopt;
}

Result<std::shared_ptr<const std::string>> plain_body(const ReceivedDownload& d) {
    if (!d.compressed)
        return d.body_bytes; // not once more
    return wire::plain_body({true, d.uncompressed_size, d.body_bytes->size(), *d.body_bytes},
                            d.limits.bytes);
}

} // namespace

std::variant<DownloadReader, Violation, TooLarge> DownloadReader::open(const ReceivedDownload& d) {
    const std::uint64_t size = d.compressed ? d.uncompressed_size : d.body_bytes->size();
    const bool is_lie = d.compressed && !may_inflate_to(*d.body_bytes, size);
    if (size > d.limits.bytes && !is_lie)
        return TooLarge{"bytes", size, d.limits.bytes};
    auto plain = plain_body(d);
    if (!plain)
        return Violation{std::move(plain.error().message)};
    if (auto violation = check(**plain, d))
        return std::move(*violation);
    return DownloadReader(d, std::move(*plain));
}

DownloadReader DownloadReader::reopen(const ReceivedDownload& d) {
    auto plain = plain_body(d);
    if (!plain)
        corrupt("a stored part of a bootstrap is damaged: " + plain.error().message);
    return DownloadReader(d, std::move(*plain));
}

std::uint64_t DownloadReader::original_bytes() const {
    std::uint64_t bytes = 0;
    auto read = wire::read_download_entries(*plain_, [&](const wire::DownloadEntry& e) {
        bytes += e.original_size;
        return true;
    });
    REALMSYNC_ASSERT(static_cast<bool>(read)); // it was checked
    return bytes;
}

TooLarge too_many_instructions(const DownloadLimits& limits) {
    return {"instructions", 0, limits.parsed_bytes / sizeof(changeset::Instruction)};
}

std::variant<Integration, IntegrationFailed, TooLarge> DownloadReader::next() {
    const DownloadLimits& limits = download_->limits;
    Integration part;
    part.progress = download_->progress;
    part.downloadable_bytes = download_->downloadable_bytes;
    std::optional<Error> error;
    std::size_t memory = 0, taken = 0; // bytes in memory, of the body
    const auto rest = std::string_view(*plain_).substr(position_);
    auto read = wire::read_download_entries(rest, [&](const wire::DownloadEntry& e) {
        // What shares a version comes into the file together, as no cursor can stand in its middle;
        // a bootstrap does as a whole.
        if (!part.changesets.empty() && memory >= limits.part_bytes &&
            (download_->bootstrap || e.server_version != part.changesets.back().server_version))
            return false;
        auto changeset = changeset::parse_borrowed(e.changeset, limits.parsed_bytes);
        if (!changeset) {
            error = std::move(changeset.error());
            return false;
        }
        memory += memory_of(*changeset);
        taken = static_cast<std::size_t>(e.changeset.data() - rest.data()) + e.changeset.size();
        part.progress.download = {e.server_version, e.client_version};
        part.changesets.push_back({e.server_version, e.client_version, e.origin_timestamp,
                                   e.origin_file_ident, e.original_size, std::move(*changeset)});
        return true;
    });
    if (!read)
        corrupt("a stored part of a bootstrap is damaged: " + read.error().message);
    if (error && error->kind == ErrorKind::limit_exceeded)
        return too_many_instructions(limits);
    if (error)
        return IntegrationFailed{wire::Code::bad_changeset, std::move(error->message)};
    position_ += taken;
    if (is_done())
        part.progress.download = download_->progress.download;
    if (!part.changesets.empty()) // the views of all changesets point into it
        part.changesets.front().changeset.buffers.push_back(plain_);
    return part;
}

} // namespace realmsync::client
