#include "partitions/app_stores.hpp"

#include <filesystem>
#include <stdexcept>
#include <utility>

#include "partitions/format.hpp"
#include "partitions/partition_db.hpp"
#include "partitions/sqlite_history.hpp"
#include "tables/columns.hpp"

namespace realmsync::partitions {

namespace fs = std::filesystem;

namespace {

constexpr const char* kFile = "partitions.sqlite";

// Deletes what is not of `app_id`, or with `keep` false what is.
void keep_only(sqlite::Database& db, const std::string& app_id, bool keep = true) {
    sqlite::Transaction transaction(db);
    db.run("DELETE FROM rs_partition WHERE (app_id = ?) <> ?", app_id, keep);
    const char* const of_partitions[] = {"rs_base",  "rs_client", "rs_history",
                                         "rs_recip", "rs_reset",  "rs_announced"};
    for (const std::string table : of_partitions)
        db.exec("DELETE FROM " + table + " WHERE pid NOT IN (SELECT pid FROM rs_partition)");
    for (const std::string table : {"rs_schema", "rs_class", "rs_prop"})
        db.exec("DELETE FROM " + table + " WHERE partition NOT IN (SELECT pid FROM rs_partition)");
    std::vector<std::string> tables;
    {
        sqlite::Query names = db.query("SELECT sql_table FROM rs_table");
        while (names.step())
            tables.push_back(names->string(0));
    }
    for (const std::string& name : tables) {
        if (db.integer("SELECT 1 FROM rs_class WHERE sql_table = ?", name)) {
            db.exec("DELETE FROM " + tables::quote(name) +
                    " WHERE \"rs$partition\" NOT IN (SELECT pid FROM rs_partition)");
            continue;
        }
        db.exec("DROP TABLE " + tables::quote(name));
        db.run("DELETE FROM rs_table WHERE sql_table = ?", name);
        db.run("DELETE FROM rs_column WHERE sql_table = ?", name);
    }
    transaction.commit();
    db.exec("VACUUM");
}

// The file appears whole, or not at all.
void move_app(sqlite::Database& from, const std::string& app_id, const fs::path& folder) {
    fs::create_directories(folder);
    const fs::path target = folder / kFile, unfinished = folder / "partitions.moving";
    if (!fs::exists(target)) {
        for (const char* suffix : {"", "-wal", "-shm"})
            fs::remove(unfinished.string() + suffix);
        from.run("VACUUM INTO ?", unfinished.string());
        {
            sqlite::Database copy(unfinished.string());
            keep_only(copy, app_id);
            copy.checkpoint();
        }
        fs::rename(unfinished, target);
    }
    keep_only(from, app_id, false);
}

void prepare_named_apps(const fs::path& directory, const std::vector<AppStores::App>& apps) {
    sqlite::Database db((directory / kFile).string());
    db.exec("CREATE TABLE IF NOT EXISTS rs_app(app_id TEXT PRIMARY KEY, folder TEXT NOT NULL) "
            "WITHOUT ROWID");
    for (const auto& app : apps)
        db.run("INSERT OR IGNORE INTO rs_app VALUES(?, ?)", app.id, folder_name(app.id));
    if (!db.integer("SELECT 1 FROM sqlite_schema WHERE name = 'rs_partition'"))
        return;
    sqlite::Transaction migration(db);
    prepare_partition_tables(db);
    migration.commit();
    for (const auto& app : apps)
        if (db.integer("SELECT 1 FROM rs_partition WHERE app_id = ?", app.id))
            move_app(db, app.id, directory / "apps" / folder_name(app.id));
}

} // namespace

AppStores::AppStores(const std::string& directory, const std::vector<App>& apps,
                     const StoreTuning& tuning, const ClockAndChance& clock_and_chance,
                     sqlite::Durability durability, merge::Profile profile)
    : directory_(directory), tuning_(tuning), clock_and_chance_(clock_and_chance),
      durability_(durability), profile_(profile) {
    if (apps.size() == 1 && apps[0].id.empty()) {
        open(apps[0]);
        return;
    }
    lock_ = std::make_unique<OwnerLock>(directory);
    prepare_named_apps(directory, apps);
    for (const App& app : apps)
        open(app);
}

void AppStores::open(const App& app) {
    const auto folder =
        fs::path(directory_) / (app.id.empty() ? "" : "apps/" + folder_name(app.id));
    StoreTuning tuning = tuning_;
    tuning.may_add_schema = app.may_add_schema;
    auto store = std::make_unique<PartitionDb>(
        SqliteHistory::in_directory(folder.string(), durability_, tuning), clock_and_chance_,
        tuning, profile_);
    (app.id.empty() ? only_ : by_app_[app.id]) = std::move(store);
}

void AppStores::add(const std::string& app_id) {
    std::lock_guard lock(mutex_);
    if (!lock_ || app_id.empty())
        throw std::invalid_argument("This server is one app: there can be no other.");
    if (by_app_.contains(app_id))
        return;
    prepare_named_apps(directory_, {{app_id}});
    open({app_id});
}

std::unique_ptr<server::ServerStore> AppStores::take(const std::string& app_id) {
    std::lock_guard lock(mutex_);
    auto found = by_app_.find(app_id);
    auto store = std::move(found == by_app_.end() ? only_ : found->second);
    if (!store)
        throw std::invalid_argument("There is no storage of app " + app_id + ".");
    return store;
}

std::string folder_name(const std::string& app_id) {
    std::string name;
    for (const char c : app_id) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '-' || c == '_' ||
                           (c == '.' && !name.empty());
        if (plain) {
            name += c;
            continue;
        }
        constexpr const char* kHex = "0123456789ABCDEF";
        const auto byte = static_cast<unsigned char>(c);
        name += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
    return name;
}

} // namespace realmsync::partitions
