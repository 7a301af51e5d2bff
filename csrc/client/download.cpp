// From the bytes of a DOWNLOAD to an Integration (wire-protocol.md 6.5).
#include "client/download.hpp"

#include <string>
#include <string_view>
#include <utility>

#include "base/compress.hpp"
#include "changeset/codec.hpp"
#include "wire/body.hpp"

namespace realmsync::client {

namespace {

// The fault of an entry, or nullptr. `version` and `base` are those of the entry before it.
const char* fault(const wire::DownloadEntry& e, const ReceivedDownload& d, std::uint64_t version,
                  std::uint64_t base) {
    if (e.server_version <= version)
        return "server versions of DOWNLOAD entries do not increase";
    if (e.server_version > d.progress.download.server_version)
        return "DOWNLOAD entry beyond the message's download cursor";
    if (e.client_version < base || e.client_version > d.progress.download.client_version)
        return "bad last integrated client version in a DOWNLOAD entry";
    if (e.origin_file_ident == 0 || e.origin_file_ident == d.own_ident)
        return "bad origin file ident in a DOWNLOAD entry";
    return nullptr;
}

Result<std::shared_ptr<const std::string>> plain_body(const ReceivedDownload& d) {
    if (!d.compressed)
        return d.body_bytes; // not once more
    return wire::plain_body({true, d.uncompressed_size, d.body_bytes->size(), *d.body_bytes},
                            d.size_limit);
}

} // namespace

std::variant<Integration, Violation, TooLarge, IntegrationFailed>
prepare(const ReceivedDownload& d) {
    const std::uint64_t size = d.compressed ? d.uncompressed_size : d.body_bytes->size();
    const bool is_lie = d.compressed && !may_inflate_to(*d.body_bytes, size);
    if (size > d.size_limit && !is_lie)
        return TooLarge{"bytes", size, d.size_limit};
    auto plain = plain_body(d);
    if (!plain)
        return Violation{std::move(plain.error().message)};
    auto entries = wire::parse_download_entries(**plain);
    if (!entries)
        return Violation{std::move(entries.error().message)};

    Integration integration;
    integration.progress = d.progress;
    integration.downloadable_bytes = d.downloadable_bytes;
    integration.changesets.reserve(entries->size());
    std::uint64_t version = d.previous.server_version, base = d.previous.client_version;
    for (const wire::DownloadEntry& e : *entries) {
        if (const char* message = fault(e, d, version, base))
            return Violation{message};
        version = e.server_version;
        base = e.client_version;
        auto changeset = changeset::parse_borrowed(e.changeset);
        if (!changeset)
            return IntegrationFailed{wire::Code::bad_changeset,
                                     std::move(changeset.error().message)};
        integration.changesets.push_back({e.server_version, e.client_version, e.origin_timestamp,
                                          e.origin_file_ident, e.original_size,
                                          std::move(*changeset)});
    }
    if (!integration.changesets.empty()) // the views of all changesets point into it
        integration.changesets.front().changeset.buffers.push_back(std::move(*plain));
    return integration;
}

} // namespace realmsync::client
