// Downloads: one page of history after a cursor, with head fields of the same snapshot
// (server-behaviour.md 8.1 to 8.5). Runs beside the writer: recent entries are copied out of memory
// under the lock, older ones come from a reader connection in one read transaction.
#include <algorithm>

#include "partitions/partition_db.hpp"
#include "wire/body.hpp"

namespace realmsync::partitions {

// What a page is made of, collected entry by entry.
struct PartitionDb::Scan {
    explicit Scan(const server::PageRequest& r) : request(r), cursor(r.cursor) {}

    // Returns false when the page is full.
    bool add(HistoryEntry entry) {
        if (entry.version != cursor.server_version + 1)
            corrupt("The history of partition " + std::to_string(request.partition) +
                    " has a gap after version " + std::to_string(cursor.server_version) + ".");
        cursor.server_version = entry.version;
        cumulative_bytes = entry.cumulative_bytes;
        last_salt = entry.salt;
        if (entry.via_ident == request.file_ident) {
            cursor.client_version = std::max(cursor.client_version, entry.client_version);
            return true;
        }
        if (entry.changeset->empty())
            return true;
        bytes += entry.changeset->size();
        entry.client_version = cursor.client_version; // the receiver's, from here on (8.5)
        entries.push_back(std::move(entry));
        return bytes <= request.byte_limit;
    }
    // 8.4: no version is told whose effects this page does not show.
    std::uint64_t latest_version() const {
        const std::uint64_t latest =
            std::max({cursor.server_version, file.ack_head, request.least_latest});
        return std::min(latest, head.version);
    }

    const server::PageRequest& request;
    wire::DownloadCursor cursor;
    std::uint64_t bytes = 0;
    std::uint64_t cumulative_bytes = 0; // at the cursor, once an entry was added
    std::int64_t last_salt = 0;         // of the cursor's version, likewise
    std::int64_t latest_salt = 0;
    std::vector<HistoryEntry> entries;
    Head head;
    ClientFile file;
};

class PartitionDb::ReaderLease {
  public:
    explicit ReaderLease(PartitionDb& owner) : owner_(owner) {
        {
            std::lock_guard lock(owner_.readers_mutex_);
            if (!owner_.readers_.empty()) {
                reader_ = std::move(owner_.readers_.back());
                owner_.readers_.pop_back();
            }
        }
        if (!reader_) {
            sqlite::DatabaseOptions options;
            options.create = false;
            options.read_only = true;
            options.cache_kib = owner_.tuning_.reader_cache_kib;
            reader_ = std::make_unique<Reader>(owner_.path_, options);
        }
    }
    ~ReaderLease() {
        std::lock_guard lock(owner_.readers_mutex_);
        owner_.readers_.push_back(std::move(reader_));
    }
    ReaderLease(const ReaderLease&) = delete;
    sqlite::Database& db() { return reader_->db; }

  private:
    PartitionDb& owner_;
    std::unique_ptr<Reader> reader_;
};

// Nothing when memory does not hold all that the page needs.
std::optional<PartitionDb::Scan> PartitionDb::scan_memory(const server::PageRequest& request) {
    Scan scan(request);
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
        !cached.tail.reaches(request.cursor.server_version, cached.head.version))
        return std::nullopt;
    scan.head = cached.head;
    scan.file = file->second;
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
    Scan scan(request);
    ReaderLease reader(*this);
    sqlite::Database& db = reader.db();
    sqlite::Transaction transaction(db, sqlite::Transaction::Mode::read);
    const auto head = load_head(db, request.partition);
    if (!head)
        throw std::invalid_argument("There is no partition " + std::to_string(request.partition) +
                                    ".");
    auto file = load_client_file(db, request.partition, request.file_ident);
    if (!file)
        throw std::invalid_argument("There is no client file " +
                                    std::to_string(request.file_ident) + ".");
    scan.head = *head;
    scan.file = std::move(*file);
    {
        sqlite::Query row =
            db.query("SELECT version, salt, origin_ident, via_ident, client_version, "
                     "origin_ts, cumul_bytes, "
                     "CASE WHEN via_ident = ?1 THEN x'' ELSE changeset END "
                     "FROM rs_history WHERE pid = ?2 AND version > ?3 ORDER BY version",
                     request.file_ident, request.partition, request.cursor.server_version);
        while (row.step())
            if (!scan.add({row->unsigned_integer(0), row->integer(1), row->unsigned_integer(2),
                           row->unsigned_integer(3), row->unsigned_integer(4),
                           row->unsigned_integer(5), row->unsigned_integer(6),
                           std::make_shared<const std::string>(row->text(7))}))
                break;
    }
    const std::uint64_t latest = scan.latest_version();
    if (latest == head->version) {
        scan.latest_salt = head->salt;
    } else if (latest == head->base_version) {
        scan.latest_salt = head->base_salt;
    } else {
        sqlite::Query row = db.query("SELECT salt FROM rs_history WHERE pid = ? AND version = ?",
                                     request.partition, latest);
        if (!row.step())
            corrupt("A version of the history is missing.");
        scan.latest_salt = row->integer(0);
    }
    return scan;
}

server::Page PartitionDb::fetch_page(const server::PageRequest& request) {
    const auto recent = scan_memory(request);
    const Scan scan = recent ? std::move(*recent) : scan_tables(request);
    server::Page page;
    std::string plain;
    plain.reserve(scan.bytes + 80 * scan.entries.size());
    for (const HistoryEntry& entry : scan.entries) {
        wire::DownloadEntry out;
        out.server_version = entry.version;
        out.client_version = entry.client_version;
        out.origin_timestamp = entry.origin_timestamp;
        out.origin_file_ident = entry.origin_ident ? entry.origin_ident : 1;
        out.original_size = entry.changeset->size();
        out.changeset = *entry.changeset;
        wire::append_entry(plain, out);
    }
    page.body = wire::pack_body(std::move(plain));
    page.entries = scan.entries.size();
    page.progress.latest = {scan.latest_version(), scan.latest_salt};
    page.progress.download = scan.cursor;
    page.progress.upload = {scan.file.ack_client_version, scan.file.ack_server_version};
    if (scan.cursor.server_version < scan.head.version)
        page.downloadable_bytes = scan.head.cumulative_bytes - scan.cumulative_bytes;
    return page;
}

} // namespace realmsync::partitions
