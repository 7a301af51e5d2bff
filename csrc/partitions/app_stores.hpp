// Which database holds which app: each has one of its own, so that apps cannot see, slow or damage
// each other and can be backed up and moved alone (server-behaviour.md 12.3).
//
//   DIRECTORY/partitions.sqlite             of a server that is one app; else it lists (rs_app):
//   DIRECTORY/apps/NAME/partitions.sqlite   of named apps
//
// Versions before 0.3 kept named apps in the first file, too: what they left is moved.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "merge/transform.hpp"
#include "partitions/owner_lock.hpp"
#include "partitions/partition_db.hpp"
#include "server/store.hpp"
#include "sqlite/sqlite.hpp"

namespace realmsync::partitions {

class AppStores {
  public:
    struct App {
        std::string id;
        bool may_add_schema = true; // StoreTuning's
    };
    // Opens or creates the databases of `apps`, or with a single one without id that of the only
    // app, whatever it is called. Throws StoreError, also when another server uses the directory.
    AppStores(const std::string& directory, const std::vector<App>& apps, const StoreTuning& tuning,
              const ClockAndChance& clock_and_chance, sqlite::Durability durability,
              merge::Profile profile);

    // Another app, unless it has been added before. Throws StoreError, and std::invalid_argument
    // where the server is one app. Any thread.
    void add(const std::string& app_id);
    // Once for each app. Throws std::invalid_argument for one that is not there.
    std::unique_ptr<server::ServerStore> take(const std::string& app_id);

  private:
    void open(const App& app);

    const std::string directory_;
    const StoreTuning tuning_;
    const ClockAndChance clock_and_chance_;
    const sqlite::Durability durability_;
    const merge::Profile profile_;
    std::mutex mutex_;                // of the stores
    std::unique_ptr<OwnerLock> lock_; // of named apps; the only one's store has it
    std::map<std::string, std::unique_ptr<server::ServerStore>> by_app_; // empty where taken
    std::unique_ptr<server::ServerStore> only_;
};

// The name of an app as that of a folder: letters, digits, "-", "_" and "." stay, other bytes
// become %XX.
std::string folder_name(const std::string& app_id);

} // namespace realmsync::partitions
