// What a session receives (client-session.md 10.5, 10.6). Where a DOWNLOAD goes from here is in
// session.cpp, what only flexible sync has in session_flexible.cpp.
#include <algorithm>
#include <utility>

#include "client/connection.hpp"
#include "client/context.hpp"
#include "client/session.hpp"

namespace realmsync::client {

using wire::Code;

namespace {

// Checks D1 to D8 of wire-protocol.md 6.4: `a` is what was known, `b` what has come.
const char* header_fault(const wire::SyncProgress& a, const wire::SyncProgress& b,
                         std::uint64_t newest_version) {
    if (b.latest.version < a.latest.version)
        return "DOWNLOAD: latest server version decreases";
    if (b.upload.client_version < a.upload.client_version)
        return "DOWNLOAD: upload cursor decreases";
    if (b.upload.client_version > newest_version)
        return "DOWNLOAD: upload cursor beyond the newest client version";
    if (b.download.server_version < a.download.server_version)
        return "DOWNLOAD: download cursor decreases";
    if (b.download.server_version > b.latest.version)
        return "DOWNLOAD: download cursor beyond the latest server version";
    if (b.download.client_version < a.download.client_version)
        return "DOWNLOAD: last integrated client version decreases";
    if (b.download.client_version > b.upload.client_version)
        return "DOWNLOAD: last integrated client version beyond the upload cursor";
    if (b.download.server_version < b.upload.server_version)
        return "DOWNLOAD: upload cursor's server version beyond the download cursor";
    return nullptr;
}

} // namespace

std::optional<Violation> Session::receive(const wire::ServerIdent& message) {
    if (auto verdict = binding_.judge(SessionMessage::ident); !verdict.is_accepted)
        return std::move(verdict.violation);
    if (message.file.ident == 0 || message.file.salt == 0)
        return Violation{"bad file ident or salt in IDENT"};
    binding_.on(BindingEvent::received_ident);
    submit(StoreIdent{message.file});
    return {};
}

std::optional<Violation> Session::receive(const wire::Download& message) {
    if (auto verdict = binding_.judge(SessionMessage::download); !verdict.is_accepted)
        return std::move(verdict.violation);
    const std::uint64_t newest = std::max(newest_version_, binding_.scanned.client_version);
    if (const char* fault = header_fault(binding_.received, message.progress, newest))
        return Violation{fault};
    if (message.downloadable_bytes < 0)
        return Violation{"DOWNLOAD: negative downloadable bytes"};
    ReceivedDownload download;
    download.body_bytes = std::make_shared<const std::string>(message.body.bytes);
    download.compressed = message.body.compressed;
    download.uncompressed_size = message.body.uncompressed_size;
    download.progress = message.progress;
    download.previous = binding_.received.download;
    download.downloadable_bytes = static_cast<std::uint64_t>(message.downloadable_bytes);
    download.mode = terms_.mode;
    download.own_ident = state_->file.ident;
    const ClientTuning& tuning = context_.tuning;
    download.limits = {tuning.download_limit_bytes, tuning.download_parsed_bytes,
                       tuning.download_part_bytes};
    if (is_flexible())
        place_in_bootstrap(message, download);
    if (!download.bootstrap || download.bootstrap->is_last) // only then it is stored
        binding_.received = message.progress;
    connection_.charge(*this, downloads_.add(std::move(download), binding_.number,
                                             context_.tuning.download_overhead_bytes));
    integrate_next();
    return {};
}

std::optional<Violation> Session::receive(const wire::Mark& message) {
    if (auto verdict = binding_.judge(SessionMessage::mark); !verdict.is_accepted)
        return std::move(verdict.violation);
    if (!download_completion_.receive(message.request, binding_.received.download.server_version,
                                      downloads_.taken()))
        return Violation{"MARK with a bad request ident"};
    check_downloads();
    enlist_if_ready();
    return {};
}

std::optional<Violation> Session::receive(const wire::Unbound&) {
    if (auto verdict = binding_.judge(SessionMessage::unbound); !verdict.is_accepted)
        return std::move(verdict.violation);
    binding_.on(BindingEvent::received_unbound);
    conclude_binding();
    return {};
}

std::optional<Violation> Session::receive_error(const Failure& failure) {
    if (auto verdict = binding_.judge(SessionMessage::error); !verdict.is_accepted)
        return std::move(verdict.violation);
    const Code code{failure.protocol_code};
    if (code == Code::compensating_write) {
        const auto at =
            std::ranges::upper_bound(reverted_, failure.reverted_by, {}, &Failure::reverted_by);
        reverted_.insert(at, failure);
        report_reverted();
        return {};
    }
    if (code == Code::schema_version_changed) { // it only tells something
        if (is_flexible())
            terms_.served_schema_version = failure.previous_schema_version;
        if (!is_deactivating())
            observer_.on_connection(connection_.state(), &failure);
        return {};
    }
    binding_.on(BindingEvent::received_error);
    if (is_deactivating())
        conclude_binding();
    else
        suspend(failure);
    return {};
}

} // namespace realmsync::client
