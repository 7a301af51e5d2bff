// A client's real realm file that keeps a record of what it was sent, for simulations. What fails
// on command and takes bytes that are no changeset is memory_client.hpp's.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "client/store.hpp"

namespace realmsync::simulation {

class RecordingStore final : public client::ClientStore {
  public:
    explicit RecordingStore(std::shared_ptr<client::ClientStore> store)
        : store_(std::move(store)) {}

    client::ClientState state() override { return store_->state(); }
    client::ClientState store_ident(const wire::FileIdent& file) override {
        return store_->store_ident(file);
    }
    Result<client::ClientState> integrate(client::Integration integration) override {
        std::vector<Received> batch;
        for (const client::IncomingChangeset& c : integration.changesets)
            batch.push_back({c.server_version, c.client_version, c.origin_file_ident,
                             c.changeset.instructions.size()});
        auto result = store_->integrate(std::move(integration));
        if (result) {
            std::lock_guard lock(mutex_);
            received_.insert(received_.end(), batch.begin(), batch.end());
        }
        return result;
    }
    client::PendingUpload fetch_upload(const wire::UploadCursor& from,
                                       const client::UploadLimits& limits) override {
        return store_->fetch_upload(from, limits);
    }
    void add_listener(std::weak_ptr<client::CommitListener> listener) override {
        store_->add_listener(std::move(listener));
    }

    // The changesets integrated so far.
    struct Received {
        std::uint64_t server_version, client_version, origin_file_ident;
        std::size_t instructions;
    };
    std::vector<Received> received() {
        std::lock_guard lock(mutex_);
        return received_;
    }

  private:
    const std::shared_ptr<client::ClientStore> store_;
    std::mutex mutex_;
    std::vector<Received> received_; // guarded by mutex_
};

} // namespace realmsync::simulation
