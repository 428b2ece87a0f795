#include "net/file.h"

#include "net/epoll.h"

namespace vmsim::net {

File::File(OpenFiles& files) : files_(files), id_(files.next_id_++) {
  CHECK(files_.HasRoom(1), "a file beyond the limit");
  ++files_.count_;
}

File::~File() { --files_.count_; }

void File::Die() {
  while (!watchers_.empty()) {
    EpollEntry& entry = *watchers_.front();
    entry.owner->Forget(entry);
  }
  OnLastClose();
  delete this;
}

}  // namespace vmsim::net
