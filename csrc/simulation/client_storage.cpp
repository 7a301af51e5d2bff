#include "simulation/client_storage.hpp"

namespace realmsync::simulation {

namespace {

RealmTuning tuning(int checkpoint_pages) {
    RealmTuning result;
    result.checkpoint_pages = checkpoint_pages;
    return result;
}

} // namespace

ClientStorage::ClientStorage(int checkpoint_pages)
    : ClientStorage(std::make_shared<Disk>(), checkpoint_pages) {}

ClientStorage::ClientStorage(std::shared_ptr<Disk> disk, int checkpoint_pages)
    : disk_(std::move(disk)), checkpoint_pages_(checkpoint_pages),
      file_(realm::RealmFile::open("client.realm",
                                   {.tuning = tuning(checkpoint_pages), .files = disk_})) {}

std::shared_ptr<ClientStorage> ClientStorage::reopen() {
    disk_->kill();
    return std::shared_ptr<ClientStorage>(new ClientStorage(disk_, checkpoint_pages_));
}

void ClientStorage::fail_integration(ErrorKind kind) {
    std::lock_guard lock(mutex_);
    failure_ = kind;
}

std::optional<ErrorKind> ClientStorage::take_failure() {
    std::lock_guard lock(mutex_);
    return std::exchange(failure_, std::nullopt);
}

std::vector<ClientStorage::Received> ClientStorage::received() {
    std::lock_guard lock(mutex_);
    return received_;
}

Result<client::ClientState> ClientStorage::integrate(client::Integration integration) {
    if (const auto failure = take_failure())
        return Error{*failure, "asked to fail"};
    std::lock_guard lock(mutex_);
    std::vector<Received> batch;
    for (const client::IncomingChangeset& c : integration.changesets)
        batch.push_back({c.server_version, c.client_version, c.origin_file_ident,
                         c.changeset.instructions.size()});
    auto result = file_->integrate(std::move(integration));
    if (result)
        received_.insert(received_.end(), batch.begin(), batch.end());
    return result;
}

} // namespace realmsync::simulation
