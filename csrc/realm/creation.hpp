// Makes and removes realm files. On the disk a new file is written whole under another name, made
// durable and linked to its own, so that no half-made file can ever be opened; that takes two
// fsyncs, where letting SQLite build it would take a dozen. What a copy of a file holds is decided
// in file_copy.hpp.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "sqlite/virtual_files.hpp"

namespace realmsync::realm {

// A file under another name than it will have. Its bytes are the owner's to write.
class NewFile {
  public:
    // One that was left behind under the other name is taken over. Throws std::system_error, and
    // StoreError, busy, while somebody else writes one there.
    explicit NewFile(std::string name);
    ~NewFile(); // deletes it under this name
    NewFile(const NewFile&) = delete;

    const std::string& name() const { return name_; }
    void write(std::string_view bytes);
    void finish(bool durable); // nothing more will be written
    // Gives it its name in the same directory. False when there is a file already, which stays.
    bool publish(const std::string& path, bool durable);

  private:
    const std::string name_;
    int fd_;
};

// The absolute path that a file is known by.
std::string canonical(const std::string& path);
// Throws ErrorException, limit_exceeded, for a canonical path that SQLite cannot take.
void check_path(const std::string& path);

// Throws std::system_error. A file that appears meanwhile is left as it is.
void create_realm_file(const std::string& path, bool durable);
// The same among the files of a simulation, if it is missing. Throws StoreError.
void create_realm_file(sqlite::VirtualFiles& files, const std::string& path);
// The database and what lies beside it. A missing file is no error.
void remove_realm_file(const std::string& path);
// The database and its log, to where nothing is; what else lies beside it is removed. A missing
// file is no error, and one that was interrupted can be made again. Throws std::system_error.
void move_realm_file(const std::string& path, const std::string& target);
// What `write` makes of the name that it is given appears as `target` once it is whole and durable.
void copy_realm_file(const std::string& target,
                     const std::function<void(const std::string&)>& write);
// Throws ErrorException unless an existing, non-empty file is a realm.
void check_realm_file(const std::string& path);

} // namespace realmsync::realm
