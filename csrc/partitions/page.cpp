// Downloads: one page of history after a cursor, with head fields of the same snapshot
// (server-behaviour.md 8.1 to 8.5). Runs beside the writer: recent entries are copied out of memory
// under the lock, older ones from one snapshot of the tables. Flexible sync's are made elsewhere.
#include <algorithm>

#include "base/sorted_unique.hpp"
#include "partitions/flexible_page.hpp"
#include "partitions/page_cache.hpp"
#include "partitions/partition_db.hpp"
#include "wire/body.hpp"

namespace realmsync::partitions {

// What a page is made of, collected entry by entry.
struct PartitionDb::Scan {
    Scan(const server::PageRequest& r, std::uint64_t cache_epoch)
        : request(r), epoch(cache_epoch), cursor(r.cursor) {}

    // Returns false when the page is full.
    bool add(HistoryEntry entry) {
        if (entry.version != cursor.server_version + 1)
            corrupt("The history of partition " + std::to_string(request.partition) +
                    " has a gap after version " + std::to_string(cursor.server_version) + ".");
        cursor.server_version = entry.version;
        cumulative_bytes = entry.cumulative_bytes;
        last_salt = entry.salt;
        if (senders.empty() || senders.back() != entry.via_ident)
            senders.push_back(entry.via_ident);
        if (entry.via_ident == request.file_ident) {
            has_own = true;
            cursor.client_version = std::max(cursor.client_version, entry.client_version);
            return true;
        }
        if (entry.changeset->empty())
            return true;
        bytes += entry.changeset->size();
        entry.client_version = cursor.client_version; // the receiver's, from here on (8.5)
        entries.push_back(std::move(entry));
        is_full = bytes > request.byte_limit;
        return !is_full;
    }
    // Instead of adding entries: all that a reader before was sent, if that is committed here.
    bool take(std::shared_ptr<const PackedPage> page) {
        if (!page || page->last > head.version)
            return false;
        cursor.server_version = page->last;
        cumulative_bytes = page->cumulative_bytes;
        last_salt = page->last_salt;
        packed = std::move(page);
        return true;
    }
    std::uint64_t body_size() const { // about, and unless it was packed before, uncompressed
        constexpr std::uint64_t kHead = 80;
        return packed ? packed->body.bytes.size() : bytes + kHead * entries.size();
    }
    // 8.4: no version is told whose effects this page does not show.
    std::uint64_t latest_version() const {
        const std::uint64_t latest =
            std::max({cursor.server_version, file.ack_head, request.least_latest});
        return std::min(latest, head.version);
    }

    const server::PageRequest& request;
    const std::uint64_t epoch; // of the cache, when it began
    wire::DownloadCursor cursor;
    std::uint64_t bytes = 0;
    std::uint64_t cumulative_bytes = 0; // at the cursor, once an entry was added
    std::int64_t last_salt = 0;         // of the cursor's version, likewise
    std::int64_t latest_salt = 0;
    std::vector<HistoryEntry> entries;
    std::vector<std::uint64_t> senders; // in the order of their entries
    bool has_own = false;               // an entry of the receiver's
    bool is_full = false;
    std::shared_ptr<const PackedPage> packed; // the entries, if they were packed before
    Head head;
    ClientFile file;
};

// Nothing when memory does not hold all that the page needs.
std::optional<PartitionDb::Scan> PartitionDb::scan_memory(const server::PageRequest& request,
                                                          std::uint64_t entries) {
    Scan scan(request, pages_.epoch());
    auto packed = pages_.find(request);
    std::lock_guard lock(mutex_);
    auto found = partitions_.find(request.partition);
    if (found == partitions_.end())
        return std::nullopt;
    const Partition& cached = *found->second;
    // The last page may have come from the tables in the moment between a commit and its copy into
    // memory: memory is then behind what the client has been told.
    if (cached.head.version < std::max(request.cursor.server_version, request.least_latest))
        return std::nullopt;
    auto file = cached.files.find(request.file_ident);
    if (file == cached.files.end() ||
        !cached.tail.reaches(request.cursor.server_version, cached.head.version) ||
        cached.head.version - std::min(request.cursor.server_version, cached.head.version) >
            entries)
        return std::nullopt;
    scan.head = cached.head;
    scan.file = file->second;
    if (!scan.take(std::move(packed)))
        for (std::uint64_t v = request.cursor.server_version + 1; v <= cached.head.version; ++v)
            if (!scan.add(*cached.tail.find(v)))
                break;
    const std::uint64_t latest = scan.latest_version();
    if (latest == cached.head.version)
        scan.latest_salt = cached.head.salt;
    else if (latest == scan.cursor.server_version && scan.last_salt != 0)
        scan.latest_salt = scan.last_salt;
    else if (const HistoryEntry* entry = cached.tail.find(latest))
        scan.latest_salt = entry->salt;
    else
        return std::nullopt;
    return scan;
}

PartitionDb::Scan PartitionDb::scan_tables(const server::PageRequest& request) {
    Scan scan(request, pages_.epoch());
    const PartitionId id = request.partition;
    store_->read([&](HistoryReader& rows) {
        const auto head = rows.head(id);
        if (!head)
            throw std::invalid_argument("There is no partition " + std::to_string(id) + ".");
        auto file = rows.client_file(id, request.file_ident);
        if (!file)
            throw std::invalid_argument("There is no client file " +
                                        std::to_string(request.file_ident) + ".");
        scan.head = *head;
        scan.file = std::move(*file);
        if (!scan.take(pages_.find(request)))
            rows.scan(id, request.cursor.server_version, request.file_ident,
                      [&](HistoryEntry entry) { return scan.add(std::move(entry)); });
        const std::uint64_t latest = scan.latest_version();
        if (latest == head->version) {
            scan.latest_salt = head->salt;
        } else if (latest == head->base_version) {
            scan.latest_salt = head->base_salt;
        } else if (const auto salt = rows.salt(id, latest)) {
            scan.latest_salt = *salt;
        } else {
            corrupt("A version of the history is missing.");
        }
    });
    return scan;
}

server::Page PartitionDb::fetch_page(const server::PageRequest& request) {
    if (request.acknowledges_only)
        return acknowledgement(*store_, request);
    if (request.bootstrap) {
        server::Page page = fetch_part(*store_, request);
        note_sent(request.partition, request.file_ident, page);
        return page;
    }
    if (request.view)
        return fetch_shown(request);
    auto recent = scan_memory(request);
    return make_page(recent ? *recent : scan_tables(request));
}

std::optional<server::Page> PartitionDb::fetch_recent(const server::PageRequest& request) {
    if (request.acknowledges_only || request.bootstrap)
        return std::nullopt;
    if (request.view)
        return fetch_recent_shown(request);
    constexpr std::uint64_t kFew = 64;     // entries, the receiver's own among them
    constexpr std::uint64_t kSmall = 1024; // bytes: more would be compressed
    const auto scan = scan_memory(request, kFew);
    if (!scan || scan->body_size() > kSmall)
        return std::nullopt;
    return make_page(*scan);
}

server::Page PartitionDb::make_page(const Scan& scan) {
    const auto packed = scan.packed ? scan.packed : pack(scan);
    server::Page page;
    page.body = packed->body;
    page.entries = packed->entries;
    page.progress.latest = {scan.latest_version(), scan.latest_salt};
    page.progress.download = scan.cursor;
    page.progress.upload = {scan.file.ack_client_version, scan.file.ack_server_version};
    if (scan.cursor.server_version < scan.head.version)
        page.downloadable_bytes = scan.head.cumulative_bytes - scan.cumulative_bytes;
    return page;
}

std::shared_ptr<const PackedPage> PartitionDb::pack(const Scan& scan) {
    std::string plain;
    plain.reserve(scan.body_size());
    for (const HistoryEntry& entry : scan.entries) {
        wire::DownloadEntry out;
        out.server_version = entry.version;
        out.client_version = entry.client_version;
        out.origin_timestamp = entry.origin_timestamp;
        out.origin_file_ident = entry.origin_ident ? entry.origin_ident : kServerIdent;
        out.original_size = entry.changeset->size();
        out.changeset = *entry.changeset;
        wire::append_entry(plain, out);
    }
    auto page = std::make_shared<PackedPage>();
    page->body = wire::pack_body(std::move(plain));
    page->entries = scan.entries.size();
    page->last = scan.cursor.server_version;
    page->last_salt = scan.last_salt;
    page->cumulative_bytes = scan.cumulative_bytes;
    if (scan.is_full && !scan.has_own) {
        page->senders = scan.senders;
        sort_unique(page->senders);
        pages_.add(scan.request, page, scan.epoch);
    }
    return page;
}

} // namespace realmsync::partitions
