#include "simulation/disk.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace realmsync::simulation {

using sqlite::Io;

namespace {

constexpr std::size_t kSector = 512;

// The next number of a series, splitmix64: the same with every standard library.
std::uint64_t draw(std::uint64_t& chance) {
    std::uint64_t z = chance += 0x9e37'79b9'7f4a'7c15;
    z = (z ^ (z >> 30)) * 0xbf58'476d'1ce4'e5b9;
    z = (z ^ (z >> 27)) * 0x94d0'49bb'1331'11eb;
    return z ^ (z >> 31);
}

// How much of a write that was not synced a disk has all the same.
std::size_t kept(std::size_t written, std::uint64_t& chance) {
    if (chance == 0)
        return 0;
    const std::uint64_t drawn = draw(chance);
    switch (drawn % 4) {
    case 0: return 0;
    case 1: return std::min<std::size_t>(written, (drawn >> 2) % 16 * kSector);
    default: return written;
    }
}

} // namespace

void Disk::Content::replace(std::uint64_t offset, std::string_view with) {
    const std::uint64_t size = bytes.size(), end = offset + with.size();
    const std::uint64_t replaced = std::min<std::uint64_t>(end, size);
    unsynced.push_back({offset, offset < replaced ? bytes.substr(offset, replaced - offset) : "",
                        size, with.size()});
    if (end > size)
        bytes.resize(end);
    bytes.replace(offset, with.size(), with);
}

void Disk::Content::resize(std::uint64_t size) {
    unsynced.push_back({size, size < bytes.size() ? bytes.substr(size) : "", bytes.size(), 0});
    bytes.resize(size);
}

void Disk::Content::revert(std::uint64_t& chance) {
    std::vector<std::pair<std::uint64_t, std::string>> survivors; // the last first
    for (auto undo = unsynced.rbegin(); undo != unsynced.rend(); ++undo) {
        if (const std::size_t size = kept(undo->written, chance))
            survivors.emplace_back(undo->offset, bytes.substr(undo->offset, size));
        bytes.resize(undo->size);
        if (!undo->bytes.empty())
            bytes.replace(undo->offset, undo->bytes.size(), undo->bytes);
    }
    for (auto survivor = survivors.rbegin(); survivor != survivors.rend(); ++survivor)
        replace(survivor->first, survivor->second);
    unsynced.clear();
}

// An open file of the machine that was at work when it was opened.
class Disk::File final : public sqlite::VirtualFile {
  public:
    File(Disk& disk, std::shared_ptr<Content> content)
        : disk_(disk), content_(std::move(content)), machine_(disk.machine_) {}

    Io read(std::uint64_t offset, char* out, std::size_t size, std::size_t& got) override {
        std::lock_guard lock(disk_.mutex_);
        if (is_dead())
            return Io::failed;
        const std::string& bytes = content_->bytes;
        got = offset < bytes.size() ? std::min<std::size_t>(size, bytes.size() - offset) : 0;
        if (got != 0)
            std::memcpy(out, bytes.data() + offset, got);
        return Io::ok;
    }

    Io write(std::uint64_t offset, std::string_view bytes) override {
        std::lock_guard lock(disk_.mutex_);
        if (is_dead() || disk_.fails(disk_.failing_write_))
            return Io::failed;
        const std::uint64_t end = offset + bytes.size(), size = content_->bytes.size();
        if (disk_.limit_ != 0 && end > size && disk_.total() + (end - size) > disk_.limit_)
            return Io::full;
        content_->replace(offset, bytes);
        ++disk_.writes_;
        return Io::ok;
    }

    Io truncate(std::uint64_t size) override {
        std::lock_guard lock(disk_.mutex_);
        if (is_dead())
            return Io::failed;
        content_->resize(size);
        return Io::ok;
    }

    Io sync() override {
        std::lock_guard lock(disk_.mutex_);
        if (is_dead() || disk_.fails(disk_.failing_sync_))
            return Io::failed;
        content_->unsynced.clear();
        return Io::ok;
    }

    std::uint64_t size() override {
        std::lock_guard lock(disk_.mutex_);
        return content_->bytes.size();
    }

    bool is_alive() override {
        std::lock_guard lock(disk_.mutex_);
        return !is_dead();
    }

  private:
    bool is_dead() const { return machine_ != disk_.machine_; }

    Disk& disk_;
    const std::shared_ptr<Content> content_;
    const std::uint64_t machine_;
};

std::unique_ptr<Disk> Disk::copy() {
    auto result = std::make_unique<Disk>();
    std::lock_guard lock(mutex_);
    for (const auto& [path, content] : files_)
        result->files_.emplace(path, std::make_shared<Content>(Content{content->bytes, {}}));
    return result;
}

void Disk::limit(std::uint64_t bytes) {
    std::lock_guard lock(mutex_);
    limit_ = bytes;
}

std::uint64_t Disk::writes() {
    std::lock_guard lock(mutex_);
    return writes_;
}

std::uint64_t Disk::used() {
    std::lock_guard lock(mutex_);
    return total();
}

std::uint64_t Disk::total() const {
    std::uint64_t bytes = 0;
    for (const auto& [path, content] : files_)
        bytes += content->bytes.size();
    return bytes;
}

bool Disk::fails(int& counter) {
    if (strikes(dooming_)) {
        ++machine_;
        return true;
    }
    return strikes(counter);
}

void Disk::kill() {
    forget_openers();
    std::lock_guard lock(mutex_);
    ++machine_;
    dooming_ = 0;
}

void Disk::cut_power(std::uint64_t chance) {
    kill();
    std::lock_guard lock(mutex_);
    for (auto& [path, content] : files_)
        content->revert(chance);
}

std::shared_ptr<sqlite::VirtualFile> Disk::open(const std::string& path, bool create) {
    std::lock_guard lock(mutex_);
    auto found = files_.find(path);
    if (found == files_.end()) {
        if (!create)
            return nullptr;
        found = files_.emplace(path, std::make_shared<Content>()).first;
    }
    return std::make_shared<File>(*this, found->second);
}

bool Disk::exists(const std::string& path) {
    std::lock_guard lock(mutex_);
    return files_.contains(path);
}

void Disk::remove(const std::string& path) {
    std::lock_guard lock(mutex_);
    files_.erase(path);
}

} // namespace realmsync::simulation
