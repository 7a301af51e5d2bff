// A client's realm file: one SQLite database with the objects as typed tables, the history of local
// changesets, and what synchronisation remembers (client-session.md 15, merge-rules.md 7). Objects
// are written through write_transaction.hpp; what the session engine needs is ClientStore, whose
// integration is in integrate.cpp. How the history lies in the file: local_history.hpp; which
// commits share a transaction of SQLite: commit_group.hpp.
//
// Threads: every method may be called on any thread. There is one writer at a time, queued first
// come, first served; readers use a second connection and see committed state only, so they never
// wait for a writer. All openers of one path in a process share one RealmFile.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "client/store.hpp"
#include "merge/transform.hpp"
#include "realm/change_journal.hpp"
#include "realm/commit_group.hpp"
#include "realm/connection_pool.hpp"
#include "realm/local_history.hpp"
#include "realm/open_versions.hpp"
#include "realm/writer_queue.hpp"
#include "sqlite/sqlite.hpp"
#include "sqlite/virtual_files.hpp"
#include "tables/tables.hpp"
#include "tuning.hpp"

namespace realmsync::realm {

class NewFile;          // creation.hpp
class WriteTransaction; // write_transaction.hpp

struct RealmFileOptions {
    sqlite::Durability durability =
        sqlite::Durability::full; // off: survives the death of the process only
    RealmTuning tuning;
    // Where the file lies; null: on the disk. Elsewhere nobody but its opener knows of it.
    std::shared_ptr<sqlite::VirtualFiles> files;
};

// A connection of a realm file with its view of the objects.
struct RealmConnection {
    RealmConnection(const std::string& path, const sqlite::DatabaseOptions& options)
        : db(path, options), tables(db, tables::Layout::client, local_history::first_number) {}
    sqlite::Database db;
    tables::Tables tables;
};

class RealmFile final : public client::ClientStore,
                        public PooledFile,
                        public std::enable_shared_from_this<RealmFile> {
  public:
    class Writing;
    // For other processes that write; synchronisation tries again later.
    static constexpr std::chrono::milliseconds kPatience = std::chrono::seconds(60);
    enum class Commit { local, deferred, remote }; // remote: the session knows of it

    // Creates the file when it is missing, whole and durable before it appears under `path`.
    // Throws StoreError, std::system_error, or ErrorException for a file that is no realm. A path
    // that is open already is shared, whatever the options.
    static std::shared_ptr<RealmFile> open(const std::string& path,
                                           const RealmFileOptions& options = {});
    static bool is_open(const std::string& path); // in this process
    // Deletes the database and what lies beside it. The caller has checked is_open().
    static void remove(const std::string& path);
    // The same, or moving it to `target`, where nothing is, unless it is open in this process or
    // another one synchronises it. Whether it is gone; true, too, when there was none.
    static bool remove_unused(const std::string& path);
    static bool move_unused(const std::string& path, const std::string& target);
    // Gives a finished file its name, as create_realm_file() does, while nobody makes one there.
    static bool publish_unused(NewFile& file, const std::string& path, bool durable);
    ~RealmFile() override;

    const std::string& path() const { return path_; }

    // ClientStore. A DOWNLOAD without changesets is as durable as any other: it makes a version,
    // too, and once the server knows of a version, no other change may ever get its number.
    client::ClientState state() override;
    bool has_reset() override; // see client_reset.hpp
    client::ClientState store_ident(const wire::FileIdent& file) override;
    Result<client::ClientState> integrate(client::Integration integration) override;
    client::PendingUpload fetch_upload(const client::UploadStart& from,
                                       const client::UploadLimits& limits) override;
    // Of flexible sync: bootstrap.cpp.
    client::PendingQuery active_query() override;
    Result<client::ClientState> take_bootstrap(const client::ReceivedDownload& part,
                                               client::DownloadReader& body,
                                               const std::atomic<bool>* stop) override;
    client::ClientState resume_bootstrap(const client::DownloadLimits& limits,
                                         const std::atomic<bool>* stop) override;
    Result<client::ClientState> reject_set(std::int64_t version,
                                           const std::string& message) override;
    client::ClientState complete_set(std::int64_t version) override;

    // One protocol session per file over all processes: false when another process has it.
    // Ends with release_sync() or with the process.
    bool try_claim_sync();
    void release_sync();
    // The partition that the file belongs to, as extended JSON; none while it was never opened to
    // be synchronised. This and the next throw ErrorException, illegal_operation, for a copy that
    // has left sync (file_copy.hpp), and StoreError.
    std::optional<std::string> partition();
    // Makes it this one, in the caller's turn, unless it has got one meanwhile. Gives which it is.
    std::string claim_partition(const std::string& wanted, WriterQueue::Turn turn);
    // The same for flexible sync, where a file belongs to no partition: makes the place for its
    // subscriptions unless it is there, and has a migrated file leave its partition, unless it is
    // about to. Both throw OtherSyncMode for a file that is synchronised the other way.
    void claim_flexible(WriterQueue::Turn turn);
    bool try_claim_flexible(); // whether there is nothing to do for that
    // A migrated file that was to leave its partition stays there.
    void stay_in_partition(WriterQueue::Turn turn);
    bool is_leaving_partition();
    bool is_flexible() const { return is_flexible_; } // claimed so, or migrated
    // Belongs to a partition, and is synchronised flexibly (migration.hpp): as partition() has
    // found, or a client reset has left it.
    bool is_migrated() const { return is_migrated_; }
    void set_migrated(bool is_migrated) { is_migrated_ = is_flexible_ = is_migrated; }
    void leave_partition() { is_migrated_ = false; } // is flexible alone
    // Whether somebody has tried to: its changesets have to fit a message then.
    bool is_synced() const { return is_synced_; }

    void add_listener(std::weak_ptr<client::CommitListener> listener) override;

    // Who writes next among this process's openers.
    WriterQueue& writers() { return writer_queue_; }
    // In its turn. Null when another process writes for longer than `patience`: the turn stays the
    // caller's then. The transaction must end before the file is destroyed.
    std::unique_ptr<WriteTransaction> begin_write(WriterQueue::Turn&& turn,
                                                  std::chrono::milliseconds patience);
    // A whole local transaction as a changeset, for replays; its version. Throws ErrorException for
    // one that is damaged or cannot be applied.
    std::uint64_t commit_changeset(const std::shared_ptr<const std::string>& bytes,
                                   std::uint64_t timestamp);
    // Returns once the deferred commit with this ticket is durable; throws when it was lost.
    // Deferred commits share one transaction of SQLite and thereby one fsync.
    void flush(std::uint64_t ticket, WriterQueue::Turn turn);
    // Of a deferred commit, on any thread, after it was flushed or a later one is durable.
    void require_kept(std::uint64_t ticket) const { group_.require_kept(ticket); }

    // Runs `use` on the reading connection: committed state, every statement its newest. One user
    // at a time; may not call back into this file, which raises illegal_operation.
    void read(const std::function<void(RealmConnection&)>& use);
    // The same, on the writer's connection when nobody writes: most synced files are only written,
    // and need no second connection then. `use` may take milliseconds at most.
    void read_briefly(const std::function<void(RealmConnection&)>& use);
    // The same on a third connection, which nobody waits for: for long reads in the background.
    void read_aside(const std::function<void(RealmConnection&)>& use);

    // What commits of this process have touched, for those who follow.
    ChangeJournal& changes() { return changes_; }

    OpenVersions& versions() { return versions_; }

    // PooledFile.
    std::size_t close_idle() override;
    void shrink_idle() override;

  private:
    RealmFile(std::string path, RealmFileOptions options);

    void require_whole(sqlite::Database& db) const;
    void notify(std::uint64_t version);
    // Checkpoints a log of so many pages if it is long, on a connection of its own: nobody who
    // reads or writes waits for it. After a commit, whose turn ends before it unless the log is so
    // long that it must start over: that needs a pause of the writers.
    void checkpoint(int log_pages, Commit kind, WriterQueue::Turn turn) noexcept;
    sqlite::DatabaseOptions database_options() const;
    // The first one makes durable what a process that died may have left in the log unsynced.
    void open_connection(std::unique_ptr<RealmConnection>& connection);
    RealmConnection& writer(); // opened if need be; in the writer's turn
    std::size_t close_reader(std::mutex& mutex, std::unique_ptr<RealmConnection>& connection);
    std::size_t close_readers();
    client::ClientState with_subscriptions(RealmConnection& connection,
                                           client::ClientState state) const;
    bool require_flexible(sqlite::Database& db) const;
    void note_flexible(bool is_migrated);
    void cover_classes(RealmConnection& connection, std::uint64_t version); // of a migrated file
    client::ClientState keep_part(const client::ReceivedDownload& part, std::uint64_t bytes);
    client::ReceivedDownload read_part(std::uint32_t number);
    client::ClientState apply_bootstrap(const client::ReceivedDownload& last,
                                        client::DownloadReader* body,
                                        const std::atomic<bool>* stop);
    client::ClientState change_sets(const std::function<void(sqlite::Database&)>& change);
    // One transaction of an integration, from changeset `first`: where it stopped.
    std::size_t integrate_from(RealmConnection& connection, client::Integration& integration,
                               std::size_t first, client::ClientState& state);
    std::unique_ptr<merge::Transformer> take_merge(const wire::DownloadCursor& cursor,
                                                   std::uint64_t base);
    void keep_merge(std::unique_ptr<merge::Transformer> merge, const wire::DownloadCursor& cursor);

    const std::string path_;
    const RealmFileOptions options_;

    WriterQueue writer_queue_;
    // Guarded by writer_queue_:
    std::unique_ptr<RealmConnection> writer_;
    CommitGroup group_; // of writer_
    // The merge with what the server sends, kept while the window is long; good for a DOWNLOAD that
    // continues at the cursor, wherever the file was left or changed meanwhile.
    std::unique_ptr<merge::Transformer> merge_;
    wire::DownloadCursor merge_cursor_;

    std::mutex reader_mutex_;
    std::unique_ptr<RealmConnection> reader_; // guarded by reader_mutex_
    std::atomic<std::thread::id> reading_;    // the thread that uses it

    std::mutex aside_mutex_;
    std::unique_ptr<RealmConnection> aside_; // guarded by aside_mutex_

    ChangeJournal changes_;
    OpenVersions versions_;

    std::atomic<bool> is_log_synced_ = false;
    std::atomic<bool> is_synced_ = false;
    std::atomic<bool> is_flexible_ = false, is_migrated_ = false;
    std::mutex checkpointing_; // one at a time

    std::mutex mutex_;
    std::vector<std::weak_ptr<client::CommitListener>> listeners_; // guarded by mutex_
    bool claimed_ = false;                                         // guarded by mutex_
};

// One writing: begun in its turn, and the caller is the writer until it is committed or, when it is
// destroyed before, rolled back. Either ends the turn. Must not outlive the file.
class RealmFile::Writing {
  public:
    // `patience`: how long another process may write. Throws StoreError, and the turn is still the
    // caller's then.
    Writing(RealmFile& file, WriterQueue::Turn&& turn,
            std::chrono::milliseconds patience = kPatience);
    ~Writing();
    Writing(const Writing&) = delete;

    RealmConnection& connection() const { return *file_->writer_; }
    // The history is another one now.
    void forget_merge() { file_->merge_.reset(); }
    // Once. `version` is the one that the file has got; `touched` says which objects it has
    // written, none without it. The ticket of a deferred commit, else 0. On an exception all of it
    // is rolled back.
    std::uint64_t commit(std::uint64_t version, Commit kind,
                         const ChangeJournal::Collect& touched = {});

  private:
    RealmFile* file_; // null after commit()
    WriterQueue::Turn turn_;
};

} // namespace realmsync::realm
