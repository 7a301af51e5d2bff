// The server's durable state: all partitions of one data directory, written by one thread in group
// commits and read beside it (server-behaviour.md 6.4, 7.4, 8, 19). The tables are the truth; what
// is kept in memory are copies of committed rows that spare reading them, and the changes of the
// open transaction. Opening and transactions are in partition_db.cpp, accepting clients in
// bind.cpp, uploads in append.cpp, downloads in page.cpp, what operators change in
// administration.cpp; flexible sync has its own in flexible.cpp, flexible_append.cpp and
// flexible_page.hpp. Who is refused what is admission.hpp's, SQL is sqlite_history.hpp's.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "merge/transform.hpp"
#include "partitions/history.hpp"
#include "partitions/history_store.hpp"
#include "partitions/page_cache.hpp"
#include "partitions/window_cache.hpp"
#include "server/store.hpp"
#include "tuning.hpp"
#include "views/view_index.hpp"

namespace realmsync::partitions {

// Where salts and times come from. The store reads neither a clock nor a generator itself, so that
// a simulation repeats to the bit. Called on the writer's thread.
struct ClockAndChance {
    std::function<std::int64_t()> unix_ms;
    std::function<std::uint64_t()>
        random_bits; // of the kernel's quality: salts tell histories apart
};

class PartitionDb : public server::ServerStore {
  public:
    PartitionDb(std::unique_ptr<HistoryStore> store, ClockAndChance clock_and_chance,
                const StoreTuning& tuning = {}, merge::Profile profile = merge::Profile::safe);
    ~PartitionDb() override;

    void configure(const server::AppSettings& settings) override;
    void begin() override;
    void commit() override;
    void rollback() override;
    std::variant<server::OpenedPartition, server::Refusal>
    open_partition(std::string_view app_id, std::string_view key,
                   std::string_view user_id) override;
    std::variant<wire::FileIdent, server::Refusal>
    allocate_ident(PartitionId partition, std::string_view user_id) override;
    std::variant<server::BoundFile, server::Refusal>
    bind(PartitionId partition, const server::BindRequest& request) override;
    void note_seen(PartitionId partition, std::uint64_t file_ident) override;
    std::variant<server::Subscribed, server::BadQuery>
    subscribe(PartitionId partition, std::uint64_t file_ident,
              const server::Subscribing& request) override;
    server::ConcludedBootstrap conclude(PartitionId partition,
                                        const server::PageRequest& request) override;
    std::shared_ptr<const server::Bootstrap>
    begin_early(PartitionId partition, std::uint64_t file_ident, std::uint64_t cursor,
                const std::shared_ptr<const server::Bootstrap>& due) override;
    std::variant<server::Appended, server::Refusal>
    append(PartitionId partition, server::AppendRequest request, Work& work) override;
    server::AdministrationResult administer(const server::Administration& what) override;
    bool in_transaction() const override { return in_transaction_ && store_->in_transaction(); }
    void touch() override;
    server::Page fetch_page(const server::PageRequest& request) override;
    std::optional<server::Page> fetch_recent(const server::PageRequest& request) override;

    std::size_t cached_bytes() const; // of the copies in memory, about

  private:
    friend class FileWindow;

    struct Partition { // copies of committed rows; may be dropped at any time
        explicit Partition(const Head& h) : head(h), runs(h.version) {}

        Head head;
        HistoryTail tail;
        OriginRuns runs; // the writer's alone, ahead of `head` by the staged entries
        std::unordered_map<std::uint64_t, ClientFile> files;
        std::string name;                          // key in ids_, empty if not opened by name
        model::SchemaPtr schema;                   // of flexible sync, at the head; null: not known
        std::optional<wire::PartitionValue> value; // if anybody has asked for it
        std::uint64_t last_used = 0;               // number of the transaction
        std::size_t memory() const;
    };
    struct Staged { // changes of the open transaction to one partition; the writer's alone
        Head head;
        std::vector<HistoryEntry> entries;
        std::vector<server::Concern> concerns; // of the last append, in flexible sync
        std::unordered_map<std::uint64_t, ClientFile> files;
    };

    // partition_db.cpp
    Partition& partition(PartitionId id); // throws std::invalid_argument if there is none
    Staged& stage(PartitionId id);
    const Head& head(PartitionId id); // the writer's view
    void write_staged();
    void publish();
    void forget_staged();
    void forget(PartitionId id);
    void evict();
    void require_transaction() const;
    std::int64_t draw_salt();
    Usage& usage(std::string_view user_id);
    // Stages what `change` does to one partition; nothing of it is left when it returns false or
    // throws.
    bool attempt(PartitionId id, const std::function<bool()>& change, Work& work);
    // bind.cpp
    std::optional<ClientFile> find_file(PartitionId id, std::uint64_t ident); // the writer's view
    std::optional<std::int64_t> find_salt(PartitionId id, std::uint64_t version);
    void see(PartitionId id, std::uint64_t ident, ClientFile file);
    // append.cpp
    std::optional<server::Refusal> check_times(const server::AppendRequest& request) const;
    std::optional<server::Refusal> integrate(PartitionId id, const ClientFile& file,
                                             server::AppendRequest& request, Staged& staged,
                                             Work& work, std::string& notice);
    std::optional<server::Refusal> prepare(PartitionId id, server::AppendRequest& request,
                                           Work& work, std::string& notice);
    // The merge that `window` stands for may be kept afterwards, if what it made is.
    struct Merged {
        std::optional<server::Refusal> refused;
        std::unique_ptr<merge::Transformer> transformer;
    };
    // What of an entry the sender has been sent, where that is not all. `images`: of what the entry
    // has touched, as bytes; empty if there are none.
    using ShownEntry = std::function<changeset::Changeset(
        std::uint64_t version, std::string_view images, const changeset::Changeset& changeset)>;
    Merged rebase_and_apply(PartitionId id, server::AppendRequest& request, const Staged& staged,
                            Work& work, const ShownEntry& shown = {});
    void append_to_history(PartitionId id, server::AppendRequest& request, Staged& staged,
                           Work& work);
    std::optional<server::Refusal> admit_schema(const server::AppendRequest& request,
                                                std::string& notice, Work& work);
    std::string correct_partition(PartitionId id, const server::AppendRequest& request, Work& work);
    const wire::PartitionValue& partition_value(PartitionId id);
    void cover_runs(PartitionId id, std::uint64_t base);
    std::vector<HistoryEntry> foreign_entries(PartitionId id, std::uint64_t base,
                                              std::uint64_t ident, const Staged& staged,
                                              Work& work);
    // flexible.cpp
    struct ShownView { // with what is stored of it
        StoredView stored;
        std::shared_ptr<const views::View> view;
        std::uint64_t bytes() const; // of memory, about
        bool is_forgotten() const;   // it stands for too many, of which no more is known
    };
    using ShownViews = std::vector<ShownView>;            // of a client file, ascending by number
    using FileId = std::pair<PartitionId, std::uint64_t>; // with its ident
    ShownViews& shown_views(PartitionId id, std::uint64_t ident);
    static std::uint64_t held_view(const ShownViews& all, std::uint64_t cursor);
    void forget_shown();
    void set_under_way(PartitionId id, std::uint64_t ident, std::uint64_t number);
    void give_up_last(PartitionId id, std::uint64_t ident);
    void drop_older_alike(PartitionId id, std::uint64_t ident, std::int64_t query_version,
                          const views::View& view);
    void note_sent(PartitionId id, std::uint64_t ident, const server::Page& page);
    void bound_views(PartitionId id, std::uint64_t ident, bool finished);
    const views::View& view_of(PartitionId id, ShownView& shown);
    void put_view(PartitionId id, std::uint64_t ident, ShownView shown);
    void drop_views(PartitionId id, std::uint64_t ident,
                    const std::function<bool(const ShownView&)>& goes);
    std::map<std::string, std::set<std::size_t>, std::less<>>& asked(PartitionId id,
                                                                     const model::Schema& schema);
    void ask(PartitionId id, const views::View& view);
    // The one that the file is served under, if it is not this one.
    std::optional<std::uint64_t> other_schema_version(PartitionId id, std::uint64_t ident,
                                                      std::uint64_t version);
    void drop_told(PartitionId id, std::uint64_t ident, const ShownViews& all,
                   std::uint64_t passed);
    std::variant<server::BoundFile, server::Refusal> show(PartitionId id, server::BoundFile bound,
                                                          const server::BindRequest& request);
    std::shared_ptr<const server::Bootstrap>
    begin_bootstrap(PartitionId id, std::uint64_t ident, std::int64_t query_version,
                    std::string meaning, const std::shared_ptr<const views::View>& view,
                    std::shared_ptr<const views::View> old, std::uint64_t start);
    void append_empty(PartitionId id);
    // flexible_append.cpp
    class Judging;
    struct Write;
    class JudgedAppend;
    std::optional<server::Refusal> integrate_judged(PartitionId id, server::AppendRequest& request,
                                                    Staged& staged, Work& work,
                                                    std::string& notice);
    // administration.cpp
    const model::Schema* declared();
    void apply_own(PartitionId id, const std::string& bytes, Work& work);
    void apply_own(PartitionId id, const std::string& bytes); // whatever it costs
    void append_own(PartitionId id, const std::string& bytes, std::uint64_t timestamp, Work& work);
    std::uint64_t own_time() const;
    void adopt_partitions();
    void declare(const std::string& bytes, const model::Schema& schema);
    server::AdministrationResult install_schema(const std::string& bytes);
    server::AdministrationResult announce_schema();
    bool announce_schema(PartitionId id, std::int64_t version);
    server::AdministrationResult replace_schema(const std::string& bytes, bool is_announced);
    server::AdministrationResult read_app_schema();
    server::AdministrationResult force_reset(std::uint64_t file_ident);
    server::AdministrationResult begin_anew(wire::Code code, bool is_announced);
    // page.cpp
    struct Scan;
    std::optional<Scan> scan_memory(const server::PageRequest& request,
                                    std::uint64_t entries = Work::kUnlimited);
    server::Page make_page(const Scan& scan);
    std::shared_ptr<const PackedPage> pack(const Scan& scan);
    Scan scan_tables(const server::PageRequest& request);
    // shared_page.cpp
    struct SharedPage;
    server::Page fetch_shown(const server::PageRequest& request);
    std::optional<server::Page> fetch_recent_shown(const server::PageRequest& request);
    std::optional<SharedPage> find_shared(const server::PageRequest& request);
    std::optional<std::int64_t> recent_salt(PartitionId id, std::uint64_t version) const;

    const StoreTuning tuning_;
    const merge::Profile profile_;
    const ClockAndChance clock_and_chance_;
    const std::unique_ptr<HistoryStore> store_;

    // The writer's alone.
    server::AppSettings settings_;
    bool obeys_settings_ = false;                          // the store has been told
    std::optional<std::optional<model::Schema>> declared_; // once it is read
    bool in_transaction_ = false;
    std::int64_t salt_ = 0;   // of all versions of the open transaction
    std::int64_t now_ms_ = 0; // when it began
    std::uint64_t transactions_ = 0;
    std::unordered_map<PartitionId, Staged> staged_;
    WindowCache windows_;
    std::unordered_map<std::string, PartitionId> ids_; // by app id, NUL, key
    std::vector<PartitionId> created_;                 // by the open transaction
    std::vector<PartitionId> begun_anew_;              // histories, likewise
    std::unordered_map<std::string, Usage> usage_;     // of some users, with the open transaction
    // Of some client files, and what some partitions are asked about, likewise.
    std::map<FileId, ShownViews> shown_;
    std::uint64_t shown_bytes_ = 0; // of memory that these take, about
    std::uint64_t understood_ = 0;  // bytes of views, in this call
    // Numbers of the bootstraps by which a session is being brought to a view.
    std::map<FileId, std::uint64_t> under_way_;
    std::map<FileId, std::uint64_t> under_way_before_; // the open transaction
    // The newest version that a part of its bootstrap may have shown to a client file: where the
    // partition was when it was met first, and, guarded by mutex_, where parts were made since, of
    // this file and of those that are not remembered.
    std::map<PartitionId, std::uint64_t> met_;
    std::map<FileId, std::uint64_t> sent_until_;
    std::uint64_t sent_until_by_others_ = 0;
    std::map<PartitionId, std::map<std::string, std::set<std::size_t>, std::less<>>> asked_;
    std::map<PartitionId, views::ViewIndex> indexes_; // of what sessions are shown

    PageCache pages_; // the readers'

    // Changed by the writer, read by all.
    mutable std::mutex mutex_;
    std::unordered_map<PartitionId, std::unique_ptr<Partition>> partitions_;
};

} // namespace realmsync::partitions
